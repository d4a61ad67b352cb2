//! `/pools`; of a pool's members only their names are told.

use serde_json::{Map, Value, json};

use crate::sandbox::auth::refusal::Refusal;
use crate::sandbox::auth::{Access, Pool};
use crate::sandbox::cluster::Request;

/// `GET /pools`: those that the caller may look into, or one with its members.
pub(crate) fn list(access: &Access, request: Request<'_>) -> Result<Value, Refusal> {
    if let Some(name) = request.get("poolid") {
        may_read(access, request)?;
        let pool = existing(access, request)?;
        let mut fields = described(name, pool);
        fields.insert("members".to_owned(), members(pool, request));
        return Ok(json!([fields]));
    }
    let caller = &request.caller.subject;
    let shown = access.pools.iter().filter(|(name, _)| access.check(caller, &format!("/pool/{name}"), &["Pool.Audit"]));
    Ok(shown.map(|(name, pool)| Value::Object(described(name, pool))).collect())
}

/// Who may look into a pool.
pub(crate) fn may_read(access: &Access, request: Request<'_>) -> Result<(), Refusal> {
    access.demand(request.caller, &format!("/pool/{}", request.text("poolid")), &["Pool.Audit"])
}

/// `GET /pools/{poolid}`.
pub(crate) fn read(access: &Access, request: Request<'_>) -> Result<Value, Refusal> {
    let pool = existing(access, request)?;
    let mut fields = described(request.text("poolid"), pool);
    fields.insert("members".to_owned(), members(pool, request));
    Ok(Value::Object(fields))
}

/// Who may make, change and delete a pool.
pub(crate) fn may_change(access: &Access, request: Request<'_>) -> Result<(), Refusal> {
    access.demand(request.caller, &format!("/pool/{}", request.text("poolid")), &["Pool.Allocate"])
}

fn existing<'a>(access: &'a Access, request: Request<'_>) -> Result<&'a Pool, Refusal> {
    let name = request.text("poolid");
    access.pools.get(name).ok_or_else(|| missing(name))
}

fn described(name: &str, pool: &Pool) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("poolid".to_owned(), json!(name));
    let comment = pool.comment.as_ref().filter(|comment| !comment.is_empty());
    fields.extend(comment.map(|comment| ("comment".to_owned(), json!(comment))));
    fields
}

/// `POST /pools`: a pool within another needs that one.
pub(crate) fn create(access: &mut Access, request: Request<'_>) -> Result<Value, Refusal> {
    let name = request.text("poolid");
    let failed = |why: String| Refusal::Failed(format!("create pool failed: {why}"));
    if access.pools.contains_key(name) {
        return Err(failed(format!("pool '{name}' already exists")));
    }
    if let Some((parent, _)) = name.rsplit_once('/')
        && !access.pools.contains_key(parent)
    {
        return Err(failed(format!("parent '{parent}' of pool '{name}' does not exist")));
    }
    let comment = request.get("comment").map(str::to_owned);
    access.pools.insert(name.to_owned(), Pool { comment, ..Pool::default() });
    Ok(Value::Null)
}

/// `PUT /pools/{poolid}`: puts VMs and storages in or takes them out.
pub(crate) fn change(access: &mut Access, request: Request<'_>) -> Result<Value, Refusal> {
    access.pools = changed(access, request).map_err(|why| why.while_doing("update pools failed"))?;
    Ok(Value::Null)
}

/// `DELETE /pools/{poolid}`: only empty pools go.
pub(crate) fn delete(access: &mut Access, request: Request<'_>) -> Result<Value, Refusal> {
    let name = request.text("poolid");
    may_go(access, request).map_err(|why| why.while_doing("delete pool failed"))?;
    access.remove_pool(name);
    Ok(Value::Null)
}

fn may_go(access: &Access, request: Request<'_>) -> Result<(), Refusal> {
    let name = request.text("poolid");
    let pool = existing(access, request)?;
    let content = if let Some(vmid) = pool.vms.first() {
        format!("VM {vmid}")
    } else if let Some(storage) = pool.storages.first() {
        format!("storage '{storage}'")
    } else if let Some(inner) = access.pools.keys().find(|other| other.starts_with(&format!("{name}/"))) {
        format!("pool '{inner}'")
    } else {
        return Ok(());
    };
    Err(Refusal::Failed(format!("pool '{name}' is not empty (contains {content})")))
}

type Pools = std::collections::BTreeMap<String, Pool>;

fn changed(access: &Access, request: Request<'_>) -> Result<Pools, Refusal> {
    let name = request.text("poolid");
    existing(access, request)?;
    let mut pools = access.pools.clone();
    for vmid in request.list("vms").filter_map(|vmid| vmid.parse::<u32>().ok()) {
        access.demand_grant(request.caller, &format!("/vms/{vmid}"))?;
        move_vm(&mut pools, request, vmid)?;
    }
    let Some(pool) = pools.get_mut(name) else { return Err(missing(name)) };
    for storage in request.list("storage") {
        access.demand_grant(request.caller, &format!("/storage/{storage}"))?;
        let (done, state) = match request.is_on("delete") {
            true => (pool.storages.remove(storage), "not"),
            false => (pool.storages.insert(storage.to_owned()), "already"),
        };
        if !done {
            return Err(Refusal::Failed(format!("Storage '{storage}' is {state} a pool member")));
        }
    }
    if let Some(comment) = request.get("comment") {
        pool.comment = Some(comment.to_owned());
    }
    Ok(pools)
}

fn move_vm(pools: &mut Pools, request: Request<'_>, vmid: u32) -> Result<(), Refusal> {
    let name = request.text("poolid");
    let now_in = pools.iter().find(|(_, pool)| pool.vms.contains(&vmid)).map(|(name, _)| name.clone());
    let is_here = now_in.as_deref() == Some(name);
    if request.is_on("delete") && !is_here {
        return Err(Refusal::Failed(format!("VM {vmid} is not a pool member")));
    }
    if !request.is_on("delete") && is_here {
        return Err(Refusal::Failed(format!("VM {vmid} is already a pool member")));
    }
    if let Some(other) = now_in {
        if !is_here && !request.is_on("allow-move") {
            let why = format!("VM {vmid} belongs already to pool '{other}' and 'allow-move' is not set");
            return Err(Refusal::Failed(why));
        }
        if let Some(other) = pools.get_mut(&other) {
            other.vms.remove(&vmid);
        }
    }
    if !request.is_on("delete")
        && let Some(pool) = pools.get_mut(name)
    {
        pool.vms.insert(vmid);
    }
    Ok(())
}

fn members(pool: &Pool, request: Request<'_>) -> Value {
    let guests = pool.vms.iter().map(|vmid| json!({"id": format!("qemu/{vmid}"), "type": "qemu", "vmid": vmid}));
    let storages =
        pool.storages.iter().map(|name| json!({"id": format!("storage/{name}"), "type": "storage", "storage": name}));
    let wanted = |member: &Value| request.get("type").is_none_or(|kind| member.get("type") == Some(&json!(kind)));
    guests.chain(storages).filter(wanted).collect()
}

fn missing(name: &str) -> Refusal {
    Refusal::Failed(format!("pool '{name}' does not exist"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    const START: Now = Now { unix: 0, since_start: Duration::ZERO };

    use std::time::Duration;

    use super::*;
    use crate::sandbox::auth::{Caller, ROOT, Release};
    use crate::sandbox::cluster::Now;

    fn access() -> Access {
        let mut access = Access::standard(Release { major: 9, minor: 2, patch: 11 });
        access.pools.insert("a".into(), Pool { vms: [101].into(), ..Pool::default() });
        access.pools.insert("b".into(), Pool { storages: ["local".into()].into(), ..Pool::default() });
        access
    }

    /// Makes a call and gives what it said.
    fn said(
        access: &mut Access,
        caller: &str,
        query: &str,
        run: fn(&mut Access, Request<'_>) -> Result<Value, Refusal>,
    ) -> String {
        let params: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let caller = Caller { subject: caller.to_owned() };
        match run(access, Request { caller: &caller, params: &params, now: START }) {
            Ok(data) => data.to_string(),
            Err(Refusal::Failed(why)) => why,
            Err(other) => format!("{other:?}"),
        }
    }

    #[test]
    fn pools_within_pools_need_the_outer_one() {
        let mut access = access();
        let table =
            [("poolid=a/c", "null"), ("poolid=x/c", "create pool failed: parent 'x' of pool 'x/c' does not exist")];
        for (query, expected) in table {
            assert_eq!(said(&mut access, ROOT, query, create), expected);
        }
    }

    #[test]
    fn only_empty_pools_are_deleted() {
        let mut access = access();
        let table = [
            ("poolid=a", "delete pool failed: pool 'a' is not empty (contains VM 101)"),
            ("poolid=b", "delete pool failed: pool 'b' is not empty (contains storage 'local')"),
            ("poolid=c", "delete pool failed: pool 'c' does not exist"),
        ];
        for (query, expected) in table {
            assert_eq!(said(&mut access, ROOT, query, delete), expected);
        }
        access.forget_vm(101);
        assert_eq!(said(&mut access, ROOT, "poolid=a", delete), "null");
    }

    #[test]
    fn a_vm_moves_only_with_a_flag_and_by_whom_may_grant_at_it() {
        let table = [
            (ROOT, "poolid=a&vms=101", "update pools failed: VM 101 is already a pool member"),
            (ROOT, "poolid=b&vms=101&delete=1", "update pools failed: VM 101 is not a pool member"),
            (
                ROOT,
                "poolid=b&vms=101",
                "update pools failed: VM 101 belongs already to pool 'a' and 'allow-move' is not set",
            ),
            (
                "nobody@pve",
                "poolid=b&vms=101&allow-move=1",
                "update pools failed: 403 Permission check failed (/vms/101, Permissions.Modify|VM.Allocate)",
            ),
        ];
        let mut access = access();
        for (caller, query, expected) in table {
            assert_eq!(said(&mut access, caller, query, change), expected);
        }
        assert_eq!(said(&mut access, ROOT, "poolid=b&vms=101&allow-move=1", change), "null");
        assert_eq!(access.pool_of_vm(101), Some("b"));
        assert_eq!(said(&mut access, ROOT, "poolid=b&vms=101&delete=1", change), "null");
        assert_eq!(access.pool_of_vm(101), None);
    }
}
