//! What loading a configuration promises.

use std::path::PathBuf;

use super::*;
use crate::manual;
use crate::paste_deploy::AuthFlavor;
use crate::registry_client::RegistryAddress;

/// A configuration directory with one file.
struct Case {
    directory: tempfile::TempDir,
    args: Args,
}

fn case(text: &str) -> Case {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("glance.conf");
    fs::write(&path, text).unwrap();
    Case {
        directory,
        args: Args::new("glance-api").with_config_file(path),
    }
}

impl Case {
    fn load<P: Program>(&self, variables: &[(&str, &str)]) -> Result<Loaded<P>, ConfigError> {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        load(&self.args, variables)
    }

    fn api(&self) -> Loaded<ApiConfig> {
        self.load(&[]).unwrap()
    }

    /// An error or a warning without the directory's name.
    fn short(&self, message: impl ToString) -> String {
        message
            .to_string()
            .replace(&format!("{}/", self.directory.path().display()), "")
    }

    fn error(&self) -> String {
        self.short(self.load::<ApiConfig>(&[]).unwrap_err())
    }

    fn warnings(&self) -> Vec<String> {
        self.api()
            .warnings
            .into_iter()
            .map(|warning| self.short(warning))
            .collect()
    }
}

#[test]
fn changes_nothing_without_options() {
    let loaded = case("[DEFAULT]\n#bind_port = 1\n").api();
    assert_eq!(loaded.config, ApiConfig::default());
    assert!(loaded.warnings.is_empty());
}

#[test]
fn prefers_command_line_over_environment_over_file() {
    let mut case = case("[DEFAULT]\ndebug = false\nbind_port = 1\nbacklog = 2\n");
    let variables = [
        ("GLANCE_DEBUG", "false"),
        ("GLANCE_BIND_PORT", "3"),
        ("OS_BIND_PORT", "4"),
    ];
    case.args.overrides.push(crate::args::Override {
        option: "debug",
        value: "true".to_owned(),
        flag: "--debug".to_owned(),
    });
    let config = case.load::<ApiConfig>(&variables).unwrap().config;
    assert!(config.log.debug);
    assert_eq!(
        (config.listen.bind_port, config.listen.backlog.get()),
        (3, 2)
    );
}

#[test]
fn reads_sections_from_the_environment() {
    let variables = [
        ("GLANCE_DATABASE__CONNECTION", "sqlite:////tmp/x"),
        ("GLANCE_OSLO_POLICY__POLICY_FILE", "p"),
        ("GLANCE_READY_FILE", "/tmp/ready"),
    ];
    let loaded = case("").load::<RegistryConfig>(&variables).unwrap();
    assert_eq!(
        loaded.config.database.connection.reveal(),
        "sqlite:////tmp/x"
    );
    assert_eq!(loaded.config.policy.policy_file, PathBuf::from("p"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn reads_old_names_and_prefers_the_present_one() {
    let registry = |text| {
        case(text)
            .load::<RegistryConfig>(&[])
            .unwrap()
            .config
            .database
    };
    assert_eq!(
        registry("[DEFAULT]\nsql_connection = a\n")
            .connection
            .reveal(),
        "a"
    );
    let both = "[database]\nconnection = b\n[DEFAULT]\nsql_connection = a\n";
    assert_eq!(registry(both).connection.reveal(), "b");
    assert_eq!(
        registry("[DATABASE]\nsql_connection = c\n")
            .connection
            .reveal(),
        "c"
    );
    let loaded = case("[DEFAULT]\ndefault_store = http\nlogfile=x\nlog-dir=/y\n").api();
    assert_eq!(loaded.config.store.default_store, "http");
    assert_eq!(loaded.config.log.file_path(), Some(PathBuf::from("/y/x")));
    assert!(loaded.warnings.is_empty());
}

#[test]
fn keeps_every_value_of_an_option_that_is_repeated() {
    let text = "[glance_store]\nfilesystem_store_datadirs = /a:1\n\
                filesystem_store_datadirs = /b:2\nstores = file,\n   http\n";
    let store = case(text).api().config.store;
    let paths: Vec<_> = store.data_dirs().into_iter().map(|dir| dir.path).collect();
    assert_eq!(paths, ["/b", "/a"].map(PathBuf::from));
    assert_eq!(store.stores.0, ["file", "http"]);
    assert_eq!(
        case("[DEFAULT]\nbind_port = 1\nbind_port = 2\n")
            .api()
            .config
            .listen
            .bind_port,
        2
    );
}

#[test]
fn substitutes_as_oslo_does() {
    let text = "[DEFAULT]\nstate_path = /srv\nlog_dir = ${state_path}/log\nlog_file = a$$b$.log\n\
                public_endpoint = http://$bind_host:$bind_port/\n\
                [glance_store]\nfilesystem_store_datadir = $log_dir/$default_store\n\
                [oslo_policy]\npolicy_file = $glance_store.default_store\n";
    let config = case(text).api().config;
    assert_eq!(
        config.log.file_path(),
        Some(PathBuf::from("/srv/log/a$b$.log"))
    );
    assert_eq!(
        config.endpoint.public_endpoint.unwrap().as_str(),
        "http://0.0.0.0:9292"
    );
    assert_eq!(
        config.store.filesystem_store_datadir,
        Some("/srv/log/file".into())
    );
    assert_eq!(config.policy.policy_file, PathBuf::from("file"));
    assert_eq!(
        case("[DEFAULT]\nlog_dir = $nowhere/log\n").error(),
        "glance.conf, line 2: [DEFAULT] log_dir: $nowhere refers to no option (write $$ for a \
         dollar sign)"
    );
    assert_eq!(
        case("[DEFAULT]\nlog_dir = $log_file\nlog_file = $log_dir\n").error(),
        "glance.conf, line 3: [DEFAULT] log_file: $log_dir refers to itself"
    );
}

#[test]
fn says_where_an_error_is_and_what_is_accepted() {
    assert_eq!(
        case("[DEFAULT]\n\nbind_port = many\n").error(),
        "glance.conf, line 3: [DEFAULT] bind_port: \"many\" cannot be used; accepted: an integer \
         from 0 to 65535"
    );
    assert_eq!(
        case("[paste_deploy]\nflavor = basic\n").error(),
        "glance.conf, line 2: [paste_deploy] flavor: \"basic\" cannot be used; accepted: none \
         (or empty), keystone, astakos, trusted-auth or fakeauth"
    );
    assert_eq!(
        case("[DEFAULT]\nbind_port\n").error(),
        "glance.conf, line 2: neither a [section], nor option = value, nor a # comment"
    );
    let error = case("")
        .load::<ApiConfig>(&[("GLANCE_BACKLOG", "0")])
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("environment variable GLANCE_BACKLOG: [DEFAULT] backlog: \"0\""));
}

#[test]
fn never_shows_a_secret() {
    let key = "[DEFAULT]\nmetadata_encryption_key = hunter2\n";
    let error = case(key).error();
    assert_eq!(
        error,
        "glance.conf, line 2: [DEFAULT] metadata_encryption_key: the value cannot be used: an AES \
         key cannot have 7 bytes; accepted: a text of 16, 24 or 32 bytes (never shown)"
    );
    let text = "[DEFAULT]\nmetadata_encryption_key = hunter2hunter2!!\n\
                [database]\nconnection = mysql://glance:hunter2@db/glance\n";
    let shown = format!(
        "{:?} {:?}",
        case(text).api(),
        case(text).load::<RegistryConfig>(&[]).unwrap()
    );
    assert!(
        shown.contains("***") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn warns_once_of_what_has_no_effect() {
    let text = "[DEFAULT]\nbindport = 1\nbindport = 2\nscrub_pool_size = 1\n\
                [service]\ndisk_formats = raw\ncolour = red\n[keystone_authtoken]\nmemcached_servers = a\n\
                [glance_store]\nrbd_store_user = u\n[oslo_messaging_rabbit]\nrabbit_host = r\n\
                [paste_deploy]\nflavor = trusted-auth+caching\nconfig_file = x.ini\n";
    assert_eq!(
        case(text).warnings(),
        [
            "glance.conf, line 2: unknown option [DEFAULT] bindport, ignored; is it bind_port?",
            "glance.conf, line 4: [DEFAULT] scrub_pool_size is not supported, ignored",
            "glance.conf, line 6: unknown option [service] disk_formats, ignored; is it \
             [image_format] disk_formats?",
            "glance.conf, line 7: unknown option [service] colour, ignored",
            "glance.conf, line 9: [keystone_authtoken] memcached_servers is not supported, ignored",
            "glance.conf, line 11: [glance_store] rbd_store_user is not supported, ignored",
            "glance.conf, line 13: [oslo_messaging_rabbit] rabbit_host is not supported, ignored",
            "[paste_deploy] flavor: caching is not supported, ignored",
            "[paste_deploy] config_file: there is no paste pipeline here, the file is not read; \
             see flavor",
        ]
    );
    assert_eq!(
        case(text).api().config.paste_deploy.flavor.auth,
        AuthFlavor::TrustedAuth
    );
}

#[test]
fn refuses_two_spellings_of_the_data_directory() {
    let text = "[glance_store]\nfilesystem_store_datadir = /a\nfilesystem_store_datadirs = /b\n";
    let error = load_api(&case(text).args).unwrap_err().to_string();
    assert!(error.ends_with("set one of them"), "{error}");
    let unset = "[glance_store]\nfilesystem_store_datadir =\nfilesystem_store_datadirs = /b\n";
    assert!(load_api(&case(unset).args).is_ok());
}

#[test]
fn names_the_log_file_after_the_program() {
    let config = case("[DEFAULT]\nlog_dir = /var/log/glance\n").api().config;
    assert_eq!(
        config.log.file_path(),
        Some("/var/log/glance/glance-api.log".into())
    );
}

#[test]
fn reads_directories_after_files() {
    let mut case = case("[DEFAULT]\nbind_port = 1\nbacklog = 1\n");
    let directory = case.directory.path().join("conf.d");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("20.conf"), "[DEFAULT]\nbind_port = 20\n").unwrap();
    fs::write(directory.join("10.conf"), "[DEFAULT]\nbind_port = 10\n").unwrap();
    fs::write(directory.join("30.conf.bak"), "nonsense").unwrap();
    case.args.config_dirs.push(directory);
    let listen = case.api().config.listen;
    assert_eq!((listen.bind_port, listen.backlog.get()), (20, 1));
}

#[test]
fn says_which_file_is_missing() {
    let args = Args::new("glance-api").with_config_file("/no/such/glance.conf");
    let error = load_api(&args).unwrap_err().to_string();
    assert_eq!(
        error,
        "Unable to read the configuration file /no/such/glance.conf"
    );
}

/// The shipped file with every option in effect.
fn uncommented(file: &str) -> String {
    let option = |line: &str| line.starts_with('#') && !line.starts_with("# ");
    let lines = file
        .lines()
        .map(|line| if option(line) { &line[1..] } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn ships_files_that_equal_the_defaults() {
    for file in [manual::api_file(), uncommented(&manual::api_file())] {
        let loaded = case(&file).api();
        assert_eq!(loaded.config, ApiConfig::default());
        assert_eq!(loaded.warnings, []);
    }
    for file in [
        manual::registry_file(),
        uncommented(&manual::registry_file()),
    ] {
        let loaded = case(&file).load::<RegistryConfig>(&[]).unwrap();
        assert_eq!(loaded.config, RegistryConfig::default());
        assert_eq!(loaded.warnings, []);
    }
}

#[test]
fn reads_back_what_it_shows() {
    let text = "[DEFAULT]\nworkers = 3\nuser_storage_quota = 2GB\nimage_tag_quota = -5\n\
                public_endpoint = https://x/y\ndefault_log_levels = a.b=DEBUG\nlog_file = /l\n\
                property_protection_rule_format = policies\nlog_format = %(message)s\n\
                [glance_store]\nfilesystem_store_datadirs = /a:1\n\
                filesystem_store_datadirs = /b:2\nfilesystem_store_file_perm = 640\n\
                [paste_deploy]\nflavor = fakeauth\n[cors]\nallowed_origin = a, b\n";
    let config = case(text).api().config;
    let mut again = String::new();
    for shown in config.shown() {
        for line in shown.lines {
            again += &format!("[{}]\n{} = {line}\n", shown.spec.section, shown.spec.name);
        }
    }
    assert_eq!(case(&again).api().config, config);
}

#[test]
fn tells_what_a_reload_changes() {
    let [old, new] = ["[DEFAULT]\n", "[DEFAULT]\ndebug = true\nbind_port = 1\n"]
        .map(|text| case(text).api().config);
    let changes: Vec<_> = ApiConfig::changes(&old, &new)
        .into_iter()
        .map(|change| (change.option, change.reloadable))
        .collect();
    let expected = [
        ("[DEFAULT] bind_port".to_owned(), false),
        ("[DEFAULT] debug".to_owned(), true),
    ];
    assert_eq!(changes, expected);
    assert_eq!(ApiConfig::changes(&new, &new), []);
}

#[test]
fn one_file_makes_both_daemons_an_image_service_for_synnefo() {
    let case = case(&manual::plankton_file());
    let api = case.api();
    assert!(api.warnings.is_empty(), "{:?}", api.warnings);
    let registry = case.load::<RegistryConfig>(&[]).unwrap().config;
    assert_eq!(registry.paste_deploy.flavor.auth, AuthFlavor::TrustedAuth);
    assert!(registry.listen.bind_host.is_loopback());
    assert_eq!(registry.listen.bind_port, 9191);
    let api = api.config;
    assert_eq!(
        api.registry.addresses(),
        [RegistryAddress::Url("http://127.0.0.1:9191".to_owned())]
    );
    assert!(api.registry.send_identity_headers && api.astakos.auth_url.is_some());
}
