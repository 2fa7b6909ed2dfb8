//! What processes used, read from /proc.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result};

/// The kernel tells CPU time to user space in hundredths of a second, on every Linux of today.
const TICKS_PER_SECOND: f64 = 100.0;

/// The processes under test.
#[derive(Clone)]
pub struct Processes {
    /// Of the gateways.
    pub gateways: Vec<u32>,
    /// Of Redis.
    pub redis: u32,
}

/// CPU seconds (user and system), at one moment or of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cpu {
    /// Of all gateways.
    pub gateways: f64,
    /// Of Redis.
    pub redis: f64,
    /// Of this process; of a window: cores.
    pub own: f64,
    /// Of everything on the machine that is neither under test nor this process. Time in
    /// interrupts is nobody's and not in it. Of a window: cores.
    pub others: f64,
    /// Of a window: how long it was.
    pub seconds: f64,
}

impl Processes {
    /// CPU time used so far.
    ///
    /// # Errors
    ///
    /// When a process is gone.
    pub fn cpu(&self) -> Result<Cpu> {
        let gateways = self.gateways.iter().map(|pid| cpu(&pid.to_string()));
        let gateways = gateways.sum::<Result<f64>>()?;
        let redis = cpu(&self.redis.to_string())?;
        let machine = machine(&fs::read_to_string("/proc/stat")?)?;
        let own = cpu("self")?;
        Ok(Cpu {
            gateways,
            redis,
            own,
            others: machine - gateways - redis - own,
            seconds: 0.0,
        })
    }

    /// Memory of the gateways' own making (anonymous resident pages), in bytes. Pages of their
    /// executable are not in it: they come and go with no regard to what a connection costs.
    ///
    /// # Errors
    ///
    /// When a process is gone.
    pub fn memory(&self) -> Result<u64> {
        self.status("RssAnon:")
    }

    /// All that is resident of the gateways, in bytes: what `top` shows. Pages that they share are
    /// counted for each.
    ///
    /// # Errors
    ///
    /// When a process is gone.
    pub fn resident(&self) -> Result<u64> {
        self.status("VmRSS:")
    }

    fn status(&self, field: &str) -> Result<u64> {
        let all = self.gateways.iter().map(|pid| {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            bytes(&status, field).with_context(|| format!("no {field} in /proc/{pid}/status"))
        });
        all.sum()
    }
}

/// A stretch of time whose CPU time is wanted.
pub struct Window<'a> {
    processes: &'a Processes,
    began: Instant,
    first: Cpu,
}

impl<'a> Window<'a> {
    /// Begins now.
    ///
    /// # Errors
    ///
    /// When a process is gone.
    pub fn begin(processes: &'a Processes) -> Result<Self> {
        Ok(Self {
            processes,
            began: Instant::now(),
            first: processes.cpu()?,
        })
    }

    /// What was used up to now.
    ///
    /// # Errors
    ///
    /// When a process is gone.
    pub fn used(&self) -> Result<Cpu> {
        let now = self.processes.cpu()?;
        let seconds = self.began.elapsed().as_secs_f64().max(0.001);
        Ok(Cpu {
            gateways: now.gateways - self.first.gateways,
            redis: now.redis - self.first.redis,
            own: (now.own - self.first.own) / seconds,
            others: (now.others - self.first.others).max(0.0) / seconds,
            seconds,
        })
    }
}

fn cpu(pid: &str) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    process(&stat).with_context(|| format!("/proc/{pid}/stat"))
}

/// User and system time: the 14th and 15th field, after a name that may hold anything.
fn process(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

/// User, nice and system time of all cores.
fn machine(stat: &str) -> Result<f64> {
    let first = stat.lines().next().context("/proc/stat is empty")?;
    let fields = first.split_whitespace().skip(1).take(3);
    let ticks = fields.map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / TICKS_PER_SECOND)
}

fn bytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix(field))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_proc_are_found() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 101 0 0 0 250 50 9 9 20 0 1 0 185893";
        assert_eq!(process(stat), Some(3.0));
        assert_eq!(process("7 (a"), None);
        let all = machine("cpu  100 20 30 4000 5 6 7 8 0 0\ncpu0 1 2 3 4\n").unwrap();
        assert!((all - 1.5).abs() < 1e-9);
        let status = "VmRSS:\t 1728 kB\nRssAnon:\t     112 kB\nRssFile:\t 1616 kB\n";
        assert_eq!(bytes(status, "RssAnon:"), Some(112 * 1024));
        assert_eq!(bytes(status, "VmRSS:"), Some(1728 * 1024));
    }

    #[test]
    fn this_process_uses_time_and_memory() {
        let me = Processes {
            gateways: vec![std::process::id()],
            redis: std::process::id(),
        };
        assert!(me.memory().unwrap() > 0 && me.resident().unwrap() >= me.memory().unwrap());
        let window = Window::begin(&me).unwrap();
        let used = window.used().unwrap();
        assert!(used.gateways >= 0.0 && used.others >= 0.0);
    }
}
