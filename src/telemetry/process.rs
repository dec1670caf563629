//! The operating system's figures on this process, named as in Prometheus's client libraries. Where
//! the system has none (there is no /proc), the series are absent.

use std::fmt::Display;
use std::fs;

use super::exposition::{Exposition, Kind};

/// Writes the series of this process, which was started at `started` (seconds since 1970).
pub fn measure(text: &mut Exposition, started: f64) {
    let mut write = |name, kind, help, value: Option<&dyn Display>| {
        if let Some(value) = value {
            text.family(name, kind, help).series(&[], value);
        }
    };
    let dynamic = |value: &Option<u64>| value.map(|value| value.to_string());
    let status = read("/proc/self/status");
    let resident = field(&status, "VmRSS:").map(|kib| kib * 1_024);
    let limits = read("/proc/self/limits");
    let most_files = field(&limits, "Max open files");
    let files = fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64);
    for (name, help, value) in [
        ("admitone_process_resident_memory_bytes", "Resident memory of the process.", resident),
        (
            "admitone_process_memory_limit_bytes",
            "Memory that the process may use: its control group's limit, or else the machine's.",
            memory_limit(),
        ),
        ("admitone_process_open_fds", "Open file descriptors.", files),
        ("admitone_process_max_fds", "How many file descriptors may be open.", most_files),
    ] {
        let value = dynamic(&value);
        write(name, Kind::Gauge, help, value.as_ref().map(|value| value as &dyn Display));
    }
    let cores = std::thread::available_parallelism().ok();
    write(
        "admitone_process_cores",
        Kind::Gauge,
        "Processor cores that the process may use at a time.",
        cores.as_ref().map(|cores| cores as &dyn Display),
    );
    write(
        "admitone_process_cpu_seconds_total",
        Kind::Counter,
        "Processor time that the process has used, of users and of the system.",
        Some(&processor_seconds()),
    );
    write(
        "admitone_process_start_time_seconds",
        Kind::Gauge,
        "When the process was started, in seconds since 1970.",
        Some(&started),
    );
}

fn processor_seconds() -> f64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let nanos = u32::try_from(used.tv_nsec).unwrap_or_default();
    std::time::Duration::new(used.tv_sec.unsigned_abs(), nanos).as_secs_f64()
}

/// Returns the memory in bytes at which the process is killed: a container at its limit is, and so is
/// the largest process of a full machine.
fn memory_limit() -> Option<u64> {
    let machine = field(&read("/proc/meminfo"), "MemTotal:").map(|kib| kib * 1_024);
    let group = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let group = group.into_iter().find_map(|path| read(path).trim().parse::<u64>().ok());
    group.into_iter().chain(machine).min()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Returns the first number of the line that begins with `name`.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_the_name_of_their_line() {
        let status = "Name:\tadmitone\nVmRSS:\t  2048 kB\n";
        assert_eq!(field(status, "VmRSS:"), Some(2_048));
        let limits = "Max open files            1024                 4096    files\n";
        assert_eq!(field(limits, "Max open files"), Some(1_024));
        assert_eq!(field("Max open files  unlimited", "Max open files"), None);
        assert_eq!(field(status, "VmSwap:"), None);
    }

    #[test]
    fn processor_time_grows() {
        let before = processor_seconds();
        let sum: u64 = std::hint::black_box((0..1_000_000_u64).sum());
        assert!(sum > 0 && processor_seconds() > before);
    }
}
