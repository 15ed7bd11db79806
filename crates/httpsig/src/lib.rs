//! HTTP Message Signatures (RFC 9421) with Ed25519, content digests (RFC 9530) and JWKs, for Open Payments.
