//! The shipped `plankton-api.conf`: both daemons as Synnefo's image service, in one file.

use super::{all, by_section, push_default};

const INTRODUCTION: &str = "\
# Synnefo's image service: glance-api in the dialect plankton and its glance-registry, with one file.
#
#   glance-control all start etc/plankton-api.conf
#
# Change the two lines with example.org, and put a web server with TLS in front of glance-api's port.
# Every option of both daemons is here. Those that stay as they are are commented out, with the default;
# glance-registry's bind_port is 9191. docs/CONFIGURATION.md says more, docs/OPERATIONS.md how to run it.
";

/// An option that is set.
struct Setting {
    section: &'static str,
    name: &'static str,
    value: &'static str,
    /// One line.
    why: &'static str,
}

const SETTINGS: [Setting; 8] = [
    Setting {
        section: "DEFAULT",
        name: "bind_host",
        value: "127.0.0.1",
        why: "glance-registry believes whoever reaches it (trusted-auth): nobody from elsewhere may.",
    },
    Setting {
        section: "DEFAULT",
        name: "dialects",
        value: "plankton",
        why: "With glance besides, set the flavor astakos and a service_token below.",
    },
    Setting {
        section: "DEFAULT",
        name: "send_identity_headers",
        value: "true",
        why: "So glance-registry knows for whom glance-api asks.",
    },
    Setting {
        section: "glance_store",
        name: "stores",
        value: "pithos",
        why: "Image data is in Pithos and nowhere else.",
    },
    Setting {
        section: "glance_store",
        name: "default_store",
        value: "pithos",
        why: "The only one.",
    },
    Setting {
        section: "glance_store",
        name: "pithos_store_endpoint",
        value: "https://pithos.example.org/pithos/object-store/v1",
        why: "The publicURL of Pithos in Astakos' catalogue.",
    },
    Setting {
        section: "paste_deploy",
        name: "flavor",
        value: "trusted-auth",
        why: "For glance-registry. Callers of the dialect plankton are known by Astakos.",
    },
    Setting {
        section: "astakos",
        name: "auth_url",
        value: "https://accounts.example.org/astakos/identity/v2.0",
        why: "The publicURL of Astakos' identity service, with its version.",
    },
];

/// The shipped `plankton-api.conf`: every option of both daemons, commented out with its default, and
/// what makes Synnefo's image service of them.
pub fn plankton_file() -> String {
    let mut out = INTRODUCTION.to_owned();
    for (section, options) in by_section(&all()) {
        out.push_str(&format!("\n[{section}]\n"));
        for option in options {
            push_default(&mut out, option);
            let mut settings = SETTINGS.iter();
            let name = option.spec.name;
            let set = settings.find(|set| (set.section, set.name) == (section, name));
            if let Some(Setting { value, why, .. }) = set {
                out.push_str(&format!("# Here: {why}\n{name} = {value}\n"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_options_that_there_are() {
        let file = plankton_file();
        for Setting { name, value, .. } in &SETTINGS {
            assert!(file.contains(&format!("\n{name} = {value}\n")), "{name}");
        }
    }
}
