//! HTTP surfaces of Bursar.
