// Ends what SingleLanes.h began.

#undef VECTOR
#undef BITS
#undef SCALAR
#undef LANES
#undef WAY
#undef EXACT_WAY
#undef LANE
