//! What is measured, with which arguments of the load generator.

use clap::ValueEnum;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Group {
    /// What a delivery costs, and how long it takes.
    Deliver,
    /// How many deliveries a second are possible.
    Saturate,
    /// What connecting costs, and what an idle connection and an empty process hold.
    Idle,
    /// What connecting and joining costs.
    Join,
    /// What an event and its acknowledgement cost.
    Acks,
}

/// One run of the load generator.
pub(super) struct Case {
    pub(super) group: Group,
    /// Its arguments.
    pub(super) args: &'static str,
    /// Only gateways have it.
    pub(super) starling: bool,
    /// Users of gateways come with tokens; they are guests otherwise.
    pub(super) tokens: bool,
}

impl Case {
    pub(super) const fn of_all(group: Group, args: &'static str) -> Self {
        Self {
            group,
            args,
            starling: false,
            tokens: false,
        }
    }

    pub(super) const fn of_gateways(group: Group, args: &'static str) -> Self {
        Self {
            group,
            args,
            starling: true,
            tokens: true,
        }
    }
}

pub(super) const CASES: [Case; 10] = [
    Case::of_all(
        Group::Deliver,
        "deliver --only live --deliveries 20000 --bytes 128",
    ),
    Case::of_all(
        Group::Deliver,
        "deliver --only live --deliveries 20000 --bytes 128 --rooms 1 --members 1000",
    ),
    Case::of_gateways(
        Group::Deliver,
        "deliver --only stored --deliveries 20000 --bytes 128",
    ),
    Case::of_gateways(
        Group::Deliver,
        "deliver --only stored --deliveries 20000 --bytes 128 --rooms 1 --members 1000",
    ),
    Case::of_all(Group::Saturate, "saturate --bytes 128"),
    Case::of_all(Group::Idle, "idle --connections 10000"),
    Case::of_gateways(Group::Idle, "idle --connections 9990 --members 90"),
    Case {
        tokens: true,
        ..Case::of_all(Group::Join, "join")
    },
    Case::of_gateways(Group::Join, "join --rooms 1 --members 3000"),
    Case::of_all(Group::Acks, "acks"),
];
