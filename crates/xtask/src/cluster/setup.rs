//! What a cluster consists of: ports, secrets, and how to start each process.

use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::ready::Probe;
use super::{Options, build};
use crate::nginx::{self, Upstream};
use crate::ports::{self, Reserved};
use crate::process::Service;
use crate::programs::{self, NGINX, REDIS};

/// One process of the cluster.
pub(super) struct Member {
    /// How to start and stop it.
    pub service: Service,
    /// How to tell that it is ready.
    pub probe: Probe,
    /// Ports kept free for it until it starts.
    pub reserved: Vec<Reserved>,
}

/// Everything that is settled before the first process starts.
pub(super) struct Setup {
    /// Redis, unless the caller brought one; the gateways; nginx: in the order of starting.
    pub members: Vec<Member>,
    /// Ports and addresses for the line of JSON.
    pub plan: Plan,
}

/// Addresses and secrets.
pub(super) struct Plan {
    /// Port of nginx.
    pub port: u16,
    /// Redis as the gateways see it.
    pub redis_url: String,
    /// Node names with client and operator port.
    pub nodes: Vec<(String, u16, u16)>,
    /// Secret that tokens are signed with.
    pub jwt_secret: String,
    /// Key of the server API.
    pub api_key: String,
    env: Vec<(String, String)>,
}

/// Settles ports and secrets and writes configuration files into `dir`.
pub(super) fn setup(options: &Options, dir: &Path, logs: &Path) -> Result<Setup> {
    let own_redis = !options
        .env
        .iter()
        .any(|(key, _)| key == "STARLING_REDIS_URL");
    install_programs(own_redis, !options.bare)?;
    let public = ports::this_or_any(options.port)?;
    let redis = ports::any()?;
    let nodes: Vec<_> = (0..options.nodes)
        .map(|_| Ok((ports::any()?, ports::any()?)))
        .collect::<Result<_>>()?;
    let plan = plan(options, public.port(), redis.port(), &nodes)?;

    let mut members = Vec::new();
    if own_redis {
        members.push(redis_member(dir, logs, redis)?);
    }
    members.extend(server_members(options, dir, &plan, nodes, logs)?);
    if !options.bare {
        members.push(nginx_member(dir, logs, &plan, public)?);
    }
    Ok(Setup { members, plan })
}

/// A copy in the cluster's directory: a node that starts again must be the program it was,
/// whatever has been built meanwhile.
fn gateway_binary(options: &Options, dir: &Path) -> Result<PathBuf> {
    let built = match &options.gateway {
        Some(file) => file.clone(),
        None => build::gateway(options.release)?,
    };
    let copy = dir.join("starling");
    fs::copy(&built, &copy).with_context(|| built.display().to_string())?;
    Ok(copy)
}

fn install_programs(own_redis: bool, nginx: bool) -> Result<()> {
    let redis = own_redis.then_some(REDIS);
    let nginx = nginx.then_some(NGINX);
    programs::ensure(&redis.into_iter().chain(nginx).collect::<Vec<_>>())
}

fn plan(options: &Options, port: u16, redis: u16, nodes: &[(Reserved, Reserved)]) -> Result<Plan> {
    let jwt_secret = secret()?;
    let api_key = secret()?;
    let redis_url = format!("redis://127.0.0.1:{redis}");
    let mut env = vec![
        ("STARLING_REDIS_URL".to_owned(), redis_url),
        ("STARLING_JWT_SECRET".to_owned(), jwt_secret),
        ("STARLING_API_KEYS".to_owned(), format!("cluster:{api_key}")),
    ];
    if options.guest {
        env.push(("STARLING_GUEST".to_owned(), "true".to_owned()));
    }
    // The caller's own come last and win.
    env.extend(options.env.iter().cloned());
    let last = |key: &str| {
        env.iter()
            .rev()
            .find(|(k, _)| k == key)
            .map(|(_, v)| v.clone())
            .unwrap_or_default()
    };
    Ok(Plan {
        port,
        redis_url: last("STARLING_REDIS_URL"),
        jwt_secret: last("STARLING_JWT_SECRET"),
        api_key: first_key(&last("STARLING_API_KEYS")),
        nodes: nodes
            .iter()
            .enumerate()
            .map(|(n, (client, admin))| (format!("gw{}", n + 1), client.port(), admin.port()))
            .collect(),
        env,
    })
}

/// The key of `name:key,name:key`.
fn first_key(keys: &str) -> String {
    let first = keys.split(',').next().unwrap_or_default();
    first
        .split_once(':')
        .map_or(first, |(_, key)| key)
        .to_owned()
}

/// 32 random bytes in hexadecimal.
fn secret() -> Result<String> {
    let mut bytes = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

fn redis_member(dir: &Path, logs: &Path, reserved: Reserved) -> Result<Member> {
    let data = dir.join("redis");
    fs::create_dir_all(&data)?;
    let port = reserved.port().to_string();
    let service = Service::new("redis", &programs::require(REDIS.name)?, logs)
        .args([
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
        ])
        .args([data]);
    Ok(Member {
        service,
        probe: Probe::Redis(reserved.port()),
        reserved: vec![reserved],
    })
}

/// The gateways, or what is there in their place.
fn server_members(
    options: &Options,
    dir: &Path,
    plan: &Plan,
    reserved: Vec<(Reserved, Reserved)>,
    logs: &Path,
) -> Result<Vec<Member>> {
    let planned = plan.nodes.iter().zip(reserved);
    if let Some((program, args)) = options.peer.split_first() {
        let program = programs::require(program)?;
        let members = planned
            .map(|(node, (client, _))| peer_member(&program, args, plan, node, client, logs));
        return Ok(members.collect());
    }
    let gateway = gateway_binary(options, dir)?;
    let members = planned.map(|(node, ports)| gateway_member(&gateway, plan, node, ports, logs));
    Ok(members.collect())
}

fn peer_member(
    program: &Path,
    args: &[String],
    plan: &Plan,
    (name, client, _): &(String, u16, u16),
    reserved: Reserved,
    logs: &Path,
) -> Member {
    let mut service = Service::new(name, program, logs).args(args);
    service.env = vec![
        ("PORT".to_owned(), client.to_string()),
        ("REDIS_URL".to_owned(), plan.redis_url.clone()),
    ];
    Member {
        service,
        probe: Probe::Port(*client),
        reserved: vec![reserved],
    }
}

fn gateway_member(
    program: &Path,
    plan: &Plan,
    (name, client, admin): &(String, u16, u16),
    (a, b): (Reserved, Reserved),
    logs: &Path,
) -> Member {
    let mut service = Service::new(name, program, logs).args(["serve"]);
    service.env = vec![
        ("STARLING_NODE".to_owned(), name.clone()),
        ("STARLING_LISTEN".to_owned(), format!("127.0.0.1:{client}")),
        (
            "STARLING_ADMIN_LISTEN".to_owned(),
            format!("127.0.0.1:{admin}"),
        ),
    ];
    service.env.extend(plan.env.iter().cloned());
    Member {
        service,
        probe: Probe::Gateway(*admin),
        reserved: vec![a, b],
    }
}

fn nginx_member(dir: &Path, logs: &Path, plan: &Plan, reserved: Reserved) -> Result<Member> {
    let prefix = dir.join("nginx");
    let upstreams: Vec<_> = plan
        .nodes
        .iter()
        .map(|(name, client, _)| Upstream {
            name: name.clone(),
            address: format!("127.0.0.1:{client}"),
        })
        .collect();
    nginx::install(&prefix, &format!("127.0.0.1:{}", plan.port), &upstreams)?;
    let service = nginx::service(&programs::require(NGINX.name)?, &prefix, logs);
    Ok(Member {
        service,
        probe: Probe::Port(plan.port),
        reserved: vec![reserved],
    })
}

/// The cluster's own directory. Started by root, nginx's workers are another user and must
/// be able to pass through it.
pub(super) fn directory() -> Result<PathBuf> {
    let dir = tempfile::Builder::new()
        .prefix("starling-cluster-")
        .tempdir()?
        .keep();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755))?;
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_key_is_what_follows_the_name() {
        assert_eq!(first_key("ops:secret,other:x"), "secret");
        assert_eq!(first_key("bare"), "bare");
    }

    #[test]
    fn secrets_are_long_and_differ() {
        assert_eq!(secret().unwrap().len(), 64);
        assert_ne!(secret().unwrap(), secret().unwrap());
    }
}
