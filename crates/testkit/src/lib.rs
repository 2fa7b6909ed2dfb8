//! A cluster of many nodes in one process, for tests.
