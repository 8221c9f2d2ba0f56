//! Whom and what a request names.

use super::parse::{bad, id};
use crate::command::Refusal;
use crate::database::error::{StoreError, Subject};
use crate::directory::entity::{Group, NameKey, Role, User, UserKey};
use crate::directory::fold::same;
use crate::directory::store::Read;
use crate::protocol::param::Param;
use crate::protocol::request::Request;

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Somebody, by all that was said of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Person {
    id: Option<i64>,
    first: String,
    last: String,
    sys_user: String,
    username: String,
}

impl Person {
    /// Section "MODIFYUSERROLE": "any of these to associate user info: USERID, LASTNAME, FIRSTNAME,
    /// SYSTEMUSERNAME, or USERNAME".
    pub(super) fn user(request: &Request) -> Result<Self, Refusal> {
        let text = |param| request.get(param).unwrap_or_default().to_owned();
        let person = Self {
            id: id(request, Param::UserId)?,
            first: text(Param::FirstName),
            last: text(Param::LastName),
            sys_user: text(Param::SystemUserName),
            username: text(Param::UserName),
        };
        if person == Self::default() {
            return Err(bad(
                "a user is named by USERID, USERNAME, SYSTEMUSERNAME, or FIRSTNAME and LASTNAME",
            ));
        }
        Ok(person)
    }

    /// Section "MODIFYGROUPPERMISSION": "either FIRSTNAME and LASTNAME, or AGENTID".
    pub(super) fn agent(request: &Request) -> Result<Self, Refusal> {
        let text = |param| request.get(param).unwrap_or_default().to_owned();
        let (first, last) = (text(Param::FirstName), text(Param::LastName));
        let id = id(request, Param::AgentId)?;
        if id.is_none() && (first.is_empty() || last.is_empty()) {
            return Err(bad("an agent is named by AGENTID, or by FIRSTNAME and LASTNAME"));
        }
        Ok(Self { id, first, last, ..Self::default() })
    }

    /// Section "IMPORTAGENTPHONE": "The system will first try to use the AGENTID", and then "FIRSTNAME and
    /// LASTNAME will be ignored".
    pub(super) fn agent_by_id_first(request: &Request) -> Result<Self, Refusal> {
        let agent = Self::agent(request)?;
        Ok(if agent.id.is_some() { Self { id: agent.id, ..Self::default() } } else { agent })
    }

    /// The user whom this is.
    pub(super) async fn find(&self, read: &mut Read<'_>) -> Result<User> {
        let user = read.user(&self.key()).await?;
        if self.is(&user) { Ok(user) } else { Err(StoreError::NotFound(Subject::User)) }
    }

    /// What is unique goes first.
    fn key(&self) -> UserKey {
        match self.id {
            Some(id) => UserKey::Id(id),
            None if !self.username.is_empty() => UserKey::Username(self.username.clone()),
            None if !self.sys_user.is_empty() => UserKey::SysUser(self.sys_user.clone()),
            None => UserKey::Name { first: self.first.clone(), last: self.last.clone() },
        }
    }

    fn is(&self, user: &User) -> bool {
        let said = [
            (&self.first, &user.first_name),
            (&self.last, &user.last_name),
            (&self.sys_user, &user.sys_user),
            (&self.username, &user.username),
        ];
        said.into_iter().all(|(said, known)| said.is_empty() || same(said, known))
    }
}

/// A role or a group, by its id, its name, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    id: Option<i64>,
    name: Option<String>,
}

impl Named {
    /// ROLEID or ROLENAME.
    pub(super) fn role(request: &Request) -> Result<Self, Refusal> {
        Self::parse(request, Param::RoleId, Param::RoleName)
    }

    /// GROUPID or GROUPNAME.
    pub(super) fn group(request: &Request) -> Result<Self, Refusal> {
        Self::parse(request, Param::GroupId, Param::GroupName)
    }

    fn parse(request: &Request, id_param: Param, name: Param) -> Result<Self, Refusal> {
        let named = Self { id: id(request, id_param)?, name: request.get(name).map(str::to_owned) };
        if named.id.is_none() && named.name.is_none() {
            return Err(bad(format!("one of {}, {} is missing or blank", id_param.name(), name.name())));
        }
        Ok(named)
    }

    /// "If ROLENAME is used, the system will look up the associated ROLEID."
    fn key(&self) -> NameKey {
        let by_id = || NameKey::Id(self.id.unwrap_or_default());
        self.name.clone().map_or_else(by_id, NameKey::Name)
    }

    /// "In either case the ID is then queried to verify that the correct group and agent entries are found."
    fn verify(&self, found: i64, subject: Subject) -> Result<()> {
        if self.id.is_none_or(|id| id == found) { Ok(()) } else { Err(StoreError::NotFound(subject)) }
    }

    pub(super) async fn find_role(&self, read: &mut Read<'_>) -> Result<Role> {
        let role = read.role(&self.key()).await?;
        self.verify(role.id, Subject::Role).map(|()| role)
    }

    pub(super) async fn find_group(&self, read: &mut Read<'_>) -> Result<Group> {
        let group = read.group(&self.key()).await?;
        self.verify(group.id, Subject::Group).map(|()| group)
    }
}
