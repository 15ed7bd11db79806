//! The rules of an Open Payments provider: pure decisions about money, limits, grants, quotes and the ledger.
