//! glance-stores: the commands of `glance-manage` that need the stores.
//!
//! They read glance-api's configuration, reach the registry as glance-api does, and are a program of
//! their own because glance-manage belongs to the registry, which knows no stores (ADR 10).
#![allow(clippy::print_stdout, reason = "a command-line program's answer")]

use std::process::ExitCode;
use std::sync::Arc;

use glance_config::{ApiConfig, Args, chain};
use glance_registry_client::RegistryClient;
use glance_store::check::check;
use glance_store::stores::Stores;
use tokio::sync::watch;

use crate::daemon::{metadata_key, own_token};
use crate::registry::Registry;
use crate::service::{ImageService, Leases, Requester};

const USAGE: &str = "\
usage: glance-manage [--config-file FILE] [--config-dir DIR] COMMAND

commands that look at the stores (FILE is glance-api's):
  store-check [STORE ...]   write, read, range and delete a small object on each store
  verify [--checksums]      compare the registry with the stores, both ways;
                            --checksums: read all data, too
exit status: 0 nothing is wrong, 1 something is, 2 wrong usage, 3 it could not be found out
";

/// Something is wrong.
const WRONG: u8 = 1;
/// The command line is.
const MISUSED: u8 = 2;
/// It could not be found out.
const UNKNOWN: u8 = 3;

/// Does what the command line says.
pub fn run() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match parse(&arguments) {
        Ok(request) => ExitCode::from(actix_rt::System::new().block_on(execute(request))),
        Err(reason) => {
            eprintln!("{USAGE}glance-manage: error: {reason}");
            ExitCode::from(MISUSED)
        }
    }
}

enum Command {
    Check { stores: Vec<String> },
    Verify { checksums: bool },
}

struct Request {
    args: Args,
    command: Command,
}

fn parse(arguments: &[String]) -> Result<Request, String> {
    let mut args = Args::new("glance-api");
    let mut words = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let (flag, attached) = match argument.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (argument.as_str(), None),
        };
        let files = match flag {
            "--config-file" => &mut args.config_files,
            "--config-dir" => &mut args.config_dirs,
            _ => {
                words.push(argument.as_str());
                continue;
            }
        };
        let value = attached.or_else(|| rest.next().cloned());
        files.push(
            value
                .ok_or(format!("{flag}: expected one argument"))?
                .into(),
        );
    }
    let command = match words.split_first() {
        Some((&("store-check" | "store_check"), stores)) => Command::Check {
            stores: stores.iter().map(|name| (*name).to_owned()).collect(),
        },
        Some((&"verify", [])) => Command::Verify { checksums: false },
        Some((&"verify", ["--checksums"])) => Command::Verify { checksums: true },
        Some((&"verify", other)) => return Err(format!("unknown: {}", other.join(" "))),
        Some((other, _)) => return Err(format!("unknown command: {other}")),
        None => return Err("expected a command".to_owned()),
    };
    Ok(Request { args, command })
}

async fn execute(request: Request) -> u8 {
    let config = match glance_config::load_api(&request.args) {
        Ok(loaded) => loaded.config,
        Err(error) => return complain(&chain(&error)),
    };
    let requester = match requester(&config).await {
        Ok(requester) => requester,
        Err(reason) => return complain(&reason),
    };
    match request.command {
        Command::Check { stores } => check_stores(config, &stores, &requester).await,
        Command::Verify { checksums } => match service(config) {
            Ok(service) => verify(&service, &requester, checksums).await,
            Err(reason) => complain(&reason),
        },
    }
}

/// The program itself, as the registry and the stores know glance-api.
async fn requester(config: &ApiConfig) -> Result<Requester, String> {
    let flavor = config.paste_deploy.flavor.auth;
    // Nobody listens here.
    let host = "127.0.0.1";
    let (access, keystone) = (&config.access, &config.keystone_authtoken);
    let authenticator = glance_auth::from_config(flavor, access, keystone, &config.astakos, host);
    let authenticator = authenticator.map_err(|error| chain(&error))?;
    let role = &access.admin_role;
    let token = own_token(flavor, &*authenticator).get(role).await;
    Ok(Requester::service(role, "req-glance-manage", token))
}

fn service(config: ApiConfig) -> Result<ImageService, String> {
    let stores = Stores::open(&config).map_err(|error| chain(&error))?;
    let key = metadata_key(&config).map_err(|error| chain(&error))?;
    let registry = Registry::open(&config).map_err(|error| chain(&error))?;
    let registry = RegistryClient::new(&registry.options);
    let leases = Leases::new("glance-manage".to_owned(), config.service.lease(), 1);
    // Nothing here changes it.
    let (_, config) = watch::channel(Arc::new(config));
    Ok(ImageService::new(
        registry,
        Arc::new(stores),
        leases,
        key,
        config,
    ))
}

/// Tries each store, or those that are named, and says what is wrong in one line each. A store that
/// cannot even be set up does not keep the others from being tried.
async fn check_stores(config: ApiConfig, only: &[String], requester: &Requester) -> u8 {
    let known = &config.store.stores.0;
    if let Some(unknown) = only.iter().find(|name| !known.contains(name)) {
        return complain(&format!("'{unknown}' is none of the stores in use"));
    }
    let mut status = 0;
    for name in known
        .iter()
        .filter(|name| only.is_empty() || only.contains(name))
    {
        let mut config = config.clone();
        config.store.stores.0 = vec![name.clone()];
        config.store.default_store.clone_from(name);
        let line = match Stores::open(&config) {
            Err(error) => Err(format!("is not configured well: {}", chain(&error))),
            Ok(stores) => match check(&**stores.default_store(), &requester.identity).await {
                Ok(steps) if steps.is_empty() => Ok("read-only, nothing to try".to_owned()),
                Ok(steps) => {
                    let steps: Vec<_> = steps.iter().map(ToString::to_string).collect();
                    Ok(steps.join(", "))
                }
                Err(error) => Err(chain(&error)),
            },
        };
        match line {
            Ok(line) => println!("{name}: ok ({line})"),
            Err(line) => {
                println!("{name}: {line}");
                status = WRONG;
            }
        }
    }
    status
}

async fn verify(service: &ImageService, requester: &Requester, checksums: bool) -> u8 {
    let mut wrong = 0_u64;
    let outcome = service
        .verify(requester, checksums, |finding| {
            println!("{finding}");
            wrong += 1;
        })
        .await;
    let verified = match outcome {
        Ok(verified) => verified,
        Err(error) => return complain(&chain(&error)),
    };
    println!(
        "{} images ({} without data) and {} stored objects ({} not named like images) compared: \
         {wrong} wrong",
        verified.images, verified.without_data, verified.objects, verified.foreign
    );
    if wrong == 0 { 0 } else { WRONG }
}

fn complain(reason: &str) -> u8 {
    eprintln!("ERROR: {reason}");
    UNKNOWN
}
