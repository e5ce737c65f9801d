// Converts a VCD of two-state values to FST, with the writer that Verilator traces with. Usage: vcd_to_fst IN.vcd OUT.fst

#include "fstcpp/fstcpp_variable_info.cpp"
#include "fstcpp/fstcpp_writer.cpp"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <unordered_map>

namespace {

struct Variable {
    fst::Handle handle;
    size_t width;
};

using Variables = std::unordered_map<std::string, Variable>;

[[noreturn]] void fail(const std::string& what) {
    std::cerr << what << "\n";
    std::exit(1);
}

// Exponent of ten of a timescale like "1ns" or "100 ps".
int8_t exponent(const std::string& timescale) {
    const std::map<char, int> units{{'s', 0}, {'m', -3}, {'u', -6}, {'n', -9}, {'p', -12}, {'f', -15}};
    const size_t unit = timescale.find_first_not_of("0123456789");
    if (unit == std::string::npos || !units.count(timescale[unit])) fail("unknown timescale " + timescale);
    return static_cast<int8_t>(units.at(timescale[unit]) + (unit > 0 ? unit - 1 : 0));
}

Variables declare(std::istream& in, fst::Writer& out) {
    Variables variables;
    for (std::string command; in >> command && command != "$enddefinitions";) {
        std::string content, word;
        std::vector<std::string> words;
        while (in >> word && word != "$end") words.push_back(word);
        if (command == "$timescale") {
            for (const std::string& part : words) content += part;
            out.setTimecale(exponent(content));
        } else if (command == "$scope") {
            out.setScope(fst::Hierarchy::ScopeType::VCD_MODULE, words.at(1), std::string{});
        } else if (command == "$upscope") {
            out.upscope();
        } else if (command == "$var") {
            const size_t width = std::stoul(words.at(1));
            const std::string name = words.at(3) + (words.size() > 4 ? " " + words[4] : "");
            const auto known = variables.find(words[2]);
            const fst::Handle alias = known == variables.end() ? 0 : known->second.handle;
            const fst::Handle handle = out.createVar(
                fst::Hierarchy::VarType::VCD_WIRE, fst::Hierarchy::VarDirection::IMPLICIT, width, name, alias);
            if (!alias) variables[words[2]] = {handle, width};
        }
    }
    return variables;
}

void change(fst::Writer& out, const Variables& variables, const std::string& bits, const std::string& code) {
    const auto found = variables.find(code);
    if (found == variables.end()) fail("a value of an undeclared variable " + code);
    if (bits.find_first_not_of("01") != std::string::npos) fail("a value that is not two-state: " + bits);
    const Variable& variable = found->second;
    if (variable.width <= 64) {
        out.emitValueChange(variable.handle, static_cast<uint64_t>(std::stoull(bits, nullptr, 2)));
    } else {
        out.emitValueChange(variable.handle, (std::string(variable.width - bits.size(), '0') + bits).c_str());
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) fail("usage: vcd_to_fst IN.vcd OUT.fst");
    std::ifstream in{argv[1]};
    fst::Writer out{argv[2]};
    out.setWriterPackType(fst::WriterPackType::LZ4);
    const Variables variables = declare(in, out);
    for (std::string word, code; in >> word;) {
        if (word[0] == '#') {
            out.emitTimeChange(std::stoull(word.substr(1)));
        } else if (word[0] == 'b') {
            in >> code;
            change(out, variables, word.substr(1), code);
        } else if (word[0] != '$') {
            change(out, variables, word.substr(0, 1), word.substr(1));
        }
    }
    out.close();
}
