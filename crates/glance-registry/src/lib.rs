//! The metadata daemon, its database, and glance-manage.
