//! Use cases of Bursar: grants, interactions, payments.
