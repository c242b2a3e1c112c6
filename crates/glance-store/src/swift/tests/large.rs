//! Large objects, ours and Glance's.
