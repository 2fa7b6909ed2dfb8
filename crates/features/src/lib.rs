//! What the cluster does for its users, one folder a feature.
