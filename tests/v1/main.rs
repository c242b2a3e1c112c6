//! Stories of the Images API v1, one file each, against the running daemons.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a story that cannot go on has failed, and says so"
)]

mod astakos;
mod auth_flavors;
mod bad_input;
mod chunked;
mod client_gone;
mod connections;
mod crash;
mod delayed_delete;
mod delete_during_transfer;
mod disk_full;
mod expect_continue;
mod file_store;
mod filters;
mod glance_configuration;
mod glance_database;
mod healthcheck;
mod inspect;
mod keystone;
mod leases;
mod lifecycle;
mod logging;
mod many_registries;
mod metrics;
mod mismatch;
mod outside;
mod paging;
mod parallel_quotas;
mod permissions;
mod pithos_down;
mod policy;
mod properties;
mod quotas;
mod ranges;
mod reads_alike;
mod registry_outage;
mod registry_socket;
mod remote_stores;
mod request_log;
mod reserve_then_upload;
mod shutdown;
mod size_cap;
mod slow_clients;
mod slow_recovery;
mod store_faults_http;
mod store_faults_object;
mod store_faults_proxy;
mod store_faults_s3;
mod store_faults_scene;
mod store_faults_swift;
mod store_faults_table;
mod store_tls;
mod tls;
mod tls_registry;
mod unversioned;
mod upload_race;
