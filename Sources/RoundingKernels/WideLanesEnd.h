// Ends what WideLanes.h began.

#undef MAGNITUDE
#undef EXPONENT
#undef VECTOR
#undef BITS
#undef SCALAR
#undef LANES
#undef WAY
#undef EXACT_WAY
#undef LANE
