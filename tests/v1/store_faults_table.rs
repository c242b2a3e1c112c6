//! The faults that come to the same end at every store.

use functional::{Fault, Trouble, When};

use crate::store_faults_scene::{Case, Comes, DRIP, Does, Size};

/// How a store is asked for what the cases are about.
pub(crate) struct Asked {
    pub(crate) put: When,
    pub(crate) get: When,
    pub(crate) head: When,
    pub(crate) list: When,
    pub(crate) delete: When,
    /// Another tag than the data has.
    pub(crate) other_tag: Fault,
    /// A byte that is well within a large image, and within a part of it.
    pub(crate) within: u64,
}

pub(crate) fn case(
    name: &'static str,
    does: Does,
    faults: Vec<(When, Fault)>,
    comes: Comes,
) -> Case {
    Case {
        name,
        does,
        faults,
        comes,
    }
}

/// What is so at all of them.
// A row for each fault is read more easily than written.
#[rustfmt::skip]
pub(crate) fn everywhere(asked: &Asked) -> Vec<Case> {
    use Comes::{Cut, Done, DoneLater, Refused, Wrong};
    use Does::{Delete, Download, Look, Part, Upload};
    use Size::{Large, Small};
    let (up, down) = (Fault::Sent, Fault::Received);
    let put = || asked.put.clone();
    let get = || asked.get.clone();
    let head = || asked.head.clone();
    let list = || asked.list.clone();
    let delete = || asked.delete.clone();
    let within = asked.within;
    vec![
        case("one 500", Look, vec![(head().once(), Fault::internal())], Done),
        case("only 503", Look, vec![(head(), Fault::unavailable())], Wrong),
        case("one stall", Look, vec![(head().once(), Fault::StallHead)], Done),
        case("only resets", Look, vec![(head(), Fault::ResetHead)], Wrong),
        case("longer", Look, vec![(head(), down(Trouble::Longer(1)))], Wrong),
        case("one 500 to a list", Look, vec![(list().once(), Fault::internal())], Done),
        case("only 503 to a list", Look, vec![(list(), Fault::unavailable())], Wrong),
        case("half a list", Look, vec![(list(), down(Trouble::Cut(60)))], Wrong),
        case("one 500", Upload(Small), vec![(put().once(), Fault::internal())], Done),
        case("only 500", Upload(Small), vec![(put(), Fault::internal())], Refused(503)),
        case("answer stalled", Upload(Small), vec![(put().once(), Fault::StallHead)], Done),
        case("answer lost", Upload(Small), vec![(put().once(), Fault::ResetHead)], Done),
        case("stall within", Upload(Small), vec![(put().once(), up(Trouble::Stall(100_000)))], Done),
        case("one slow drip", Upload(Small), vec![(put().once(), up(DRIP))], Done),
        case("only slow drips", Upload(Small), vec![(put(), up(DRIP))], Refused(503)),
        case("reset within", Upload(Small), vec![(put().once(), up(Trouble::Reset(100_000)))], Done),
        case("changed", Upload(Small), vec![(put(), up(Trouble::Flip(100_000)))], Refused(503)),
        case("one 500", Download(Small), vec![(get().once(), Fault::internal())], Done),
        case("only 500", Download(Small), vec![(get(), Fault::internal())], Refused(503)),
        case("one stall", Download(Large), vec![(get().once(), Fault::StallHead)], Done),
        case("only stalls", Download(Large), vec![(get(), Fault::StallHead)], Refused(503)),
        case("one reset", Download(Large), vec![(get().once(), Fault::ResetHead)], Done),
        case("only resets", Download(Large), vec![(get(), Fault::ResetHead)], Refused(503)),
        case("gone", Download(Large), vec![(get(), Fault::plain("404 Not Found"))], Refused(404)),
        case("forbidden", Download(Large), vec![(get(), Fault::plain("403 Forbidden"))], Refused(503)),
        case("one stall within", Download(Large), vec![(get().once(), down(Trouble::Stall(within)))], Done),
        case("only stalls within", Download(Large), vec![(get(), down(Trouble::Stall(1_000)))], Cut),
        case("one slow drip", Download(Large), vec![(get().once(), down(DRIP))], Done),
        case("only slow drips", Download(Large), vec![(get(), down(DRIP))], Cut),
        case("one reset within", Download(Large), vec![(get().once(), down(Trouble::Reset(within)))], Done),
        case("only resets within", Download(Large), vec![(get(), down(Trouble::Reset(1_000)))], Cut),
        case("one truncation", Download(Large), vec![(get().once(), down(Trouble::Cut(within)))], Done),
        case("only truncations", Download(Large), vec![(get(), down(Trouble::Cut(1_000)))], Cut),
        case("changed early", Download(Large), vec![(get(), down(Trouble::Flip(10)))], Cut),
        case("changed late", Download(Small), vec![(get(), down(Trouble::Flip(300_006)))], Cut),
        case("bytes after the end", Download(Large), vec![(get(), down(Trouble::Trailing(100)))], Done),
        case("another ETag", Download(Small), vec![(get(), asked.other_tag.clone())], Done),
        case("another ETag afterwards", Download(Large), vec![(get().once(), down(Trouble::Cut(within))), (get(), asked.other_tag.clone())], Cut),
        case("one 503", Part(Large), vec![(get().ranged().once(), Fault::unavailable())], Done),
        case("only 503", Part(Large), vec![(get().ranged(), Fault::unavailable())], Refused(503)),
        case("one reset within", Part(Large), vec![(get().ranged().once(), down(Trouble::Reset(within)))], Done),
        case("only truncations", Part(Large), vec![(get().ranged(), down(Trouble::Cut(1000)))], Cut),
        case("one 500", Delete(Small), vec![(delete().once(), Fault::internal())], Done),
        case("only 503", Delete(Small), vec![(delete(), Fault::unavailable())], DoneLater),
        case("answer lost", Delete(Large), vec![(delete().once(), Fault::ResetHead)], Done),
        case("one stall", Delete(Large), vec![(delete().once(), Fault::StallHead)], Done),
        case("only stalls", Delete(Large), vec![(delete(), Fault::StallHead)], DoneLater),
    ]
}
