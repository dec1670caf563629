//! `admitone migrate`: changes the schema by hand. `serve` updates it by itself.

use anyhow::{Result, bail};
use clap::{Arg, ArgMatches, Command, value_parser};

use crate::config::Config;
use crate::server;
use crate::store::Store;

pub(super) fn command() -> Command {
    Command::new("migrate")
        .about("Bring the database's schema up to date, back, or show how it stands")
        .subcommand(Command::new("up").about("Apply what is pending"))
        .subcommand(
            Command::new("down")
                .about("Take the last steps back, WITH THE DATA in what they made")
                .arg(
                    Arg::new("steps")
                        .long("steps")
                        .value_name("N")
                        .value_parser(value_parser!(u32).range(1..))
                        .default_value("1")
                        .help("How many"),
                ),
        )
        .subcommand(Command::new("status").about("Show applied and pending steps"))
}

pub(super) fn run(config: &Config, arguments: &ArgMatches) -> Result<()> {
    super::block_on(async {
        if matches!(arguments.subcommand(), None | Some(("status", _))) {
            return show(&server::connect(config).await?).await;
        }
        // Changing the schema would break a running server, or the instances of a cluster: this
        // command connects alone, and is not one of the instances.
        let alone = Config { redis_url: None, ..config.clone() };
        let (_lock, store) = server::connect_alone(&alone).await?;
        match arguments.subcommand() {
            None => {}
            Some(("up", _)) => store.migrate().await?,
            Some(("down", arguments)) => {
                let steps = arguments.get_one::<u32>("steps").copied().unwrap_or(1);
                store.migrate_down(steps).await?;
            }
            Some((other, _)) => bail!("there is no command migrate {other}"),
        }
        show(&store).await
    })
}

async fn show(store: &Store) -> Result<()> {
    let status = store.schema_status().await?;
    let applied = status.applied.iter().map(|step| format!("applied  {step}\n"));
    let pending = status.pending.iter().map(|step| format!("pending  {step}\n"));
    super::print(&applied.chain(pending).collect::<String>());
    Ok(())
}
