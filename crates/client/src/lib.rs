//! Client library for Open Payments.
