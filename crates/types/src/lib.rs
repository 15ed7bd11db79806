//! Open Payments wire types: amounts, wallet addresses, access, limits, repeating intervals, request and response bodies.
