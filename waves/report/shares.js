// Tracks of which many runs share a pixel.

// Calls visit(bin, cycles by value, cycles) for each of `bins` spans of `per` cycles from `from` on.
function binned(track, from, per, bins, values, visit) {
  const sums = new Float64Array(values);
  let i = track.to > track.from ? track.index(from) : track.to;
  for (let bin = 0; bin < bins && i < track.to; bin++) {
    const begin = from + bin * per,
      end = Math.min(begin + per, track.end);
    sums.fill(0);
    for (; i < track.to && track.begins[i] < end; i++) {
      const to = track.endOf(i);
      sums[track.values[i]] += Math.min(to, end) - Math.max(track.begins[i], begin);
      if (to > end) break;
    }
    if (end > begin) visit(bin, sums, end - begin);
  }
}

// A colour #rrggbb as a pixel, and the way from one pixel to another.
function packed(colour) {
  const value = parseInt(colour.slice(1), 16);
  return ((255 << 24) | ((value & 255) << 16) | (((value >> 8) & 255) << 8) | (value >> 16)) >>> 0;
}
function mixed(from, to, part) {
  const one = shift =>
    Math.round(((from >> shift) & 255) + (((to >> shift) & 255) - ((from >> shift) & 255)) * part) << shift;
  return ((255 << 24) | one(16) | one(8) | one(0)) >>> 0;
}
