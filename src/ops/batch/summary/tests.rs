//! Figures of many test VMs.

use crate::error::PlacementError;
use crate::error::VmError;
use std::time::Duration;

use super::{BatchCounter, BatchSize, share_of, without_numbers};
use crate::error::{Error, Operation};
use crate::model::{Foreign, VmId};
use crate::ops::test_vm::receipt::{Receipt, ReceiptStep};
use crate::ops::test_vm::task_wait::TaskTime;
use crate::pve::TaskTiming;
use crate::pve::task::LogEnd;
use crate::ui::{Style, render};

fn receipt(node: &str, vmid: u32, seconds: f64) -> Receipt {
    let mut receipt = Receipt { node: node.to_owned(), vmid: Some(vmid), ..Receipt::default() };
    receipt.steps.push(ReceiptStep::new("clone", Duration::from_secs_f64(seconds), None));
    receipt.steps.push(ReceiptStep::new("start", Duration::from_secs_f64(0.1), None));
    receipt.seconds = seconds + 0.1;
    for (kind, seconds) in [("qmclone", seconds), ("qmstart", 0.1)] {
        let whole = Duration::from_secs_f64(seconds);
        let spent = TaskTiming { whole, is_read: true, ..TaskTiming::default() };
        receipt.times.push(TaskTime { kind: kind.to_owned(), spent });
    }
    receipt
}

fn failed(vmid: u32, exit_status: &str) -> Result<(), Error> {
    let operation = Operation::Destroy(VmId::new(u64::from(vmid)).unwrap());
    let exit_status = Foreign::new(exit_status);
    Err(Error::Vm(VmError::TaskFailed { operation, upid: String::new(), exit_status, log: LogEnd::default() }))
}

#[test]
fn shares_are_those_of_the_nearest_rank() {
    let times: Vec<f32> = (1..=20).map(|number| number as f32).collect();
    assert_eq!((share_of(&times, 50), share_of(&times, 95)), (Some(10.0), Some(19.0)));
    assert_eq!(share_of(&[7.0], 95), Some(7.0));
    assert_eq!(share_of(&[], 50), None);
}

#[test]
fn one_reason_is_one_whatever_the_number() {
    assert_eq!(without_numbers("VM 1042 is locked (backup)"), "VM N is locked (backup)");
}

#[test]
fn the_table_says_how_fast_what_failed_and_what_held_it_up() {
    let mut counter = BatchCounter::default();
    for vmid in 100..117 {
        counter.count(0, &receipt("pve", vmid, 0.4), Ok(()));
    }
    for vmid in 117..119 {
        let why = format!("VM {vmid} is locked (backup)");
        counter.count(0, &receipt("pve2", vmid, 0.9), failed(vmid, &why));
    }
    counter.nodes.note_impossible("pve3", &Error::Placement(PlacementError::NoFreeId { tries: 1 }));
    let blank = Receipt { token: "apex@pve!t1".to_owned(), template: 9000, seconds: 10.0, ..Receipt::default() };
    let summary = counter.summary(blank, BatchSize { count: 19, parallel: 4 }, 1);
    assert!(!summary.ok);
    let style = Style { color: false, unicode: true, width: Some(60) };
    insta::assert_snapshot!(render(&summary, style), @"

    Results
      17 verified, 2 failed, 10.0 s

    Step            median       p95
      clone         0.40 s    0.90 s
      start         0.10 s    0.10 s

    Node          verified    failed
      pve               17         0
      pve2               0         2
      pve3        could not get a free VMID after 1 attempts:
                  each was taken by another client
    not verified: pve2, pve3

    Time per VM       mean
      clone         0.45 s
      start, stop   0.10 s

    Bottleneck: cloning (82 % of the time); no task waited for a
                lock (38 of 38 task logs read); VMIDs taken by
                other clients: 1

    failed: 2 x VM N is locked (backup) (VM 117 first)
    ");
}
