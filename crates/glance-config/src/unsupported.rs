//! The options of Glance that we know of and do not support, so that we can say so.

/// Options by what they are about: the matter, the section, and their names, where a `*` at the
/// end stands for any rest.
pub(crate) const OPTIONS: &[(&str, &str, &[&str])] = &[
    (
        "Keystone",
        "DEFAULT",
        &[
            "admin_user",
            "admin_password",
            "admin_tenant_name",
            "auth_url",
            "auth_strategy",
            "auth_region",
        ],
    ),
    (
        "a cache of tokens outside the daemon, signed tokens, and other ways of old",
        "keystone_authtoken",
        &[
            "memcached_servers",
            "memcache_*",
            "cache",
            "signing_dir",
            "revocation_cache_time",
            "check_revocations_for_cached",
            "hash_algorithms",
            "admin_token",
            "service_type",
            "timeout",
            "collect_timing",
            "split_loggers",
            "tenant_domain_*",
        ],
    ),
    ("the image cache", "DEFAULT", &["image_cache_*"]),
    (
        "the scrubber",
        "DEFAULT",
        &["scrub_pool_size", "scrubber_*", "cleanup_scrubber*"],
    ),
    (
        "version 2 of the API",
        "DEFAULT",
        &[
            "allow_additional_image_properties",
            "location_strategy",
            "digest_algorithm",
            "enable_image_import",
            "node_staging_uri",
        ],
    ),
    (
        "version 2 of the API",
        "store_type_location_strategy",
        &["*"],
    ),
    ("version 2 of the API", "task", &["*"]),
    ("version 2 of the API", "taskflow_executor", &["*"]),
    (
        "version 2 of the API",
        "DEFAULT",
        &["task_time_to_live", "eventlet_executor_pool_size"],
    ),
    (
        "the database",
        "database",
        &[
            "backend",
            "mysql_*",
            "sql_*",
            "sqlalchemy_*",
            "connection_debug",
            "connection_trace",
            "use_db_reconnect",
            "db_*",
            "use_tpool",
        ],
    ),
    (
        "the database",
        "DEFAULT",
        &["data_api", "db_backend", "sql_*", "dbapi_use_tpool"],
    ),
    (
        "logging",
        "DEFAULT",
        &[
            "use_syslog*",
            "syslog_log_facility",
            "use_journal",
            "watch_log_file",
            "logging_*",
            "publish_errors",
            "instance_format",
            "instance_uuid_format",
            "rate_limit_*",
            "fatal_deprecations",
            "pydev_worker_debug_*",
            "backdoor_port",
        ],
    ),
    (
        "notifications and messaging",
        "DEFAULT",
        &[
            "default_publisher_id",
            "disabled_notifications",
            "allowed_rpc_exception_modules",
            "notif*",
            "rpc_*",
            "zmq_*",
            "conn_pool_*",
            "use_pub_sub",
            "use_router_proxy",
            "use_dynamic_connections",
            "subscribe_on",
            "executor_thread_pool_size",
            "transport_url",
            "control_exchange",
            "rabbit_*",
            "qpid_*",
            "kombu_*",
            "amqp_*",
        ],
    ),
    ("notifications and messaging", "oslo_messaging_amqp", &["*"]),
    (
        "notifications and messaging",
        "oslo_messaging_kafka",
        &["*"],
    ),
    (
        "notifications and messaging",
        "oslo_messaging_notifications",
        &["*"],
    ),
    (
        "notifications and messaging",
        "oslo_messaging_rabbit",
        &["*"],
    ),
    ("notifications and messaging", "oslo_messaging_zmq", &["*"]),
    ("notifications and messaging", "matchmaker_redis", &["*"]),
    ("locks between processes", "oslo_concurrency", &["*"]),
    ("the profiler", "profiler", &["*"]),
    ("the guru meditation report", "oslo_reports", &["*"]),
    ("keys and signatures", "key_manager", &["*"]),
    ("keys and signatures", "barbican", &["*"]),
    ("several sets of CORS rules", "cors.subdomain", &["*"]),
    (
        "request sizes, which image_size_cap limits",
        "oslo_middleware",
        &["*"],
    ),
    (
        "the other stores",
        "glance_store",
        &[
            "store_capabilities_update_min_interval",
            "cinder_*",
            "os_region_name",
            "rootwrap_config",
            "rbd_store_*",
            "rados_connect_timeout",
            "sheepdog_store_*",
            "swift_enable_snet",
            "vmware_*",
        ],
    ),
    (
        "the other stores",
        "DEFAULT",
        &[
            "cinder_*",
            "rbd_store_*",
            "sheepdog_store_*",
            "swift_enable_snet",
            "vmware_*",
        ],
    ),
];

/// Whether Glance has such an option, which we do not support.
pub(crate) fn is_known(section: &str, name: &str) -> bool {
    OPTIONS.iter().any(|(_, home, names)| {
        *home == section
            && names.iter().any(|known| match known.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => *known == name,
            })
    })
}
