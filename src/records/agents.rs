//! Whose recording it is: AGENTFIRSTNAME and AGENTLASTNAME, as the directory has them when a row is first written.

use std::collections::{BTreeMap, BTreeSet};

use super::record::Record;
use crate::database::{Column, Session, StoreError};
use crate::directory::fold::folded;
use crate::protocol::param::Param;

type Result<T, E = StoreError> = std::result::Result<T, E>;
type Name = (String, String);

const BY_SYS_USER: &str =
    "SELECT sys_key, first_name, last_name FROM users WHERE status <> 'D' AND sys_key = ANY($1)";
const BY_CRM_USER: &str =
    "SELECT crm_key, first_name, last_name FROM users WHERE status <> 'D' AND crm_key = ANY($1)";
const BY_PHONE: &str = "SELECT p.phone_key, u.first_name, u.last_name FROM agent_phones p \
    JOIN users u ON u.id = p.user_id WHERE u.status <> 'D' AND p.phone_key = ANY($1)";

/// How an agent is looked for, best first.
const WAYS: [(Param, &str); 4] = [
    (Param::SysUser, BY_SYS_USER),
    (Param::CrmUser, BY_CRM_USER),
    (Param::DeviceAlias, BY_PHONE),
    (Param::DeviceId, BY_PHONE),
];

/// Gives those of these records that are new the name of their agent.
pub(super) async fn name(session: &mut Session, records: &mut BTreeMap<String, Record>) -> Result<()> {
    let known = known(session, records).await?;
    for (param, sql) in WAYS {
        let nameless = records.iter_mut().filter(|(id, record)| {
            record.agent.0.is_empty() && record.agent.1.is_empty() && !known.contains(*id)
        });
        let mut nameless: Vec<(String, &mut Record)> =
            nameless.filter_map(|(_, record)| Some((folded(record.said.get(&param)?), record))).collect();
        if nameless.is_empty() {
            continue;
        }
        let names = names(session, sql, nameless.iter().map(|(key, _)| key.as_str()).collect()).await?;
        for (key, record) in &mut nameless {
            if let Some(Some(name)) = names.get(key) {
                record.agent.clone_from(name);
            }
        }
    }
    Ok(())
}

/// Those that have a row already.
async fn known(session: &mut Session, records: &BTreeMap<String, Record>) -> Result<BTreeSet<String>> {
    let ids = Column::texts(records.keys().map(String::as_str));
    let sql = "SELECT global_id FROM records WHERE global_id = ANY($1)";
    Ok(session.rows_for(sql, &ids, |row| row.string(0)).await?.into_iter().collect())
}

/// The names of agents by key; none for a key that several have.
async fn names(
    session: &mut Session,
    sql: &str,
    keys: BTreeSet<&str>,
) -> Result<BTreeMap<String, Option<Name>>> {
    let read = |row: &crate::database::Row<'_>| Ok((row.string(0)?, (row.string(1)?, row.string(2)?)));
    let found = session.rows_for(sql, &Column::texts(keys), read).await?;
    let mut names = BTreeMap::new();
    for (key, name) in found {
        names.entry(key).and_modify(|known| *known = None).or_insert(Some(name));
    }
    Ok(names)
}
