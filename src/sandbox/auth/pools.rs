//! Pools: VMs and storages that share rights.

use std::collections::BTreeSet;

use crate::sandbox::auth::Access;

/// VMs and storages that share rights.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pool {
    /// Its VMs.
    pub vms: BTreeSet<u32>,
    /// Its storages.
    pub storages: BTreeSet<String>,
    /// What it is for.
    pub comment: Option<String>,
}

impl Access {
    /// Finds the pool that a VM belongs to.
    pub fn pool_of_vm(&self, vmid: u32) -> Option<&str> {
        self.pools.iter().find(|(_, pool)| pool.vms.contains(&vmid)).map(|(name, _)| name.as_str())
    }

    /// Puts a VM into a pool that exists.
    pub fn add_vm_to_pool(&mut self, pool: &str, vmid: u32) {
        if let Some(pool) = self.pools.get_mut(pool) {
            pool.vms.insert(vmid);
        }
    }

    /// Forgets a VM that was destroyed: its place in a pool and the entries on its path.
    pub fn forget_vm(&mut self, vmid: u32) {
        for pool in self.pools.values_mut() {
            pool.vms.remove(&vmid);
        }
        self.acl.forget_path(&format!("/vms/{vmid}"));
    }

    /// Forgets a pool and the entries on its path.
    pub fn remove_pool(&mut self, pool: &str) {
        self.pools.remove(pool);
        self.acl.forget_path(&format!("/pool/{pool}"));
    }

    /// Lists the pools that hold the VM or storage that a path stands for.
    pub(crate) fn pools_of_path(&self, path: &str) -> impl Iterator<Item = &str> {
        let vmid = path.strip_prefix("/vms/").and_then(|vmid| vmid.parse::<u32>().ok());
        let storage = path.strip_prefix("/storage/").map(str::to_owned);
        self.pools
            .iter()
            .filter(move |(_, pool)| {
                vmid.is_some_and(|vmid| pool.vms.contains(&vmid))
                    || storage.as_ref().is_some_and(|storage| pool.storages.contains(storage))
            })
            .map(|(name, _)| name.as_str())
    }
}
