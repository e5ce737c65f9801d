"""How far the timing model can be trusted: predictions of held-out runs, committed before the RTL
ran, beside what the RTL then said.
"""
