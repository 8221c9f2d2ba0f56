-- Who, what and where. Columns that end in _key hold a name as it is compared: without regard to case.
-- A text that is not known is '', never NULL. Rows that a snapshot shows carry the revision of their last change.

CREATE TABLE state (name TEXT PRIMARY KEY, value BIGINT NOT NULL);
-- revision: the last change. pruned: tombstones up to here are gone. The others: the last number given out.
INSERT INTO state (name, value) VALUES ('revision', 0), ('pruned', 0), ('users', 0), ('groups', 0), ('roles', 0);

-- cores: numbers like '1,2', sorted. They are one column and no table, because they are always read and written
-- as a whole, and a million devices are then one scan.
CREATE TABLE devices (
    key TEXT PRIMARY KEY, id TEXT NOT NULL, alias TEXT NOT NULL, site TEXT NOT NULL, cores TEXT NOT NULL,
    revision BIGINT NOT NULL
){rowless};
CREATE INDEX devices_revision ON devices (revision);

CREATE TABLE locations (
    id BIGINT PRIMARY KEY, name TEXT NOT NULL, site TEXT NOT NULL, revision BIGINT NOT NULL
){rowless};

CREATE TABLE stations (
    name_key TEXT PRIMARY KEY, name TEXT NOT NULL, device_key TEXT NOT NULL, device TEXT NOT NULL,
    location BIGINT NOT NULL, revision BIGINT NOT NULL
){rowless};
CREATE UNIQUE INDEX stations_device ON stations (device_key);
CREATE INDEX stations_revision ON stations (revision);

-- status: A, I, or D for deleted. A deleted user's row stays: past records name it.
-- Times are UNIX seconds and the offset from UTC in seconds that they were given with.
CREATE TABLE users (
    id BIGINT PRIMARY KEY, username TEXT NOT NULL, username_key TEXT NOT NULL,
    employee_id TEXT NOT NULL, employee_key TEXT NOT NULL,
    first_name TEXT NOT NULL, first_key TEXT NOT NULL, last_name TEXT NOT NULL, last_key TEXT NOT NULL,
    is_agent BIGINT NOT NULL, status TEXT NOT NULL,
    sys_user TEXT NOT NULL, sys_key TEXT NOT NULL, sys_domain TEXT NOT NULL, email TEXT NOT NULL,
    crm_user TEXT NOT NULL, crm_key TEXT NOT NULL, site_id TEXT NOT NULL, password_hash TEXT NOT NULL DEFAULT '',
    add_time BIGINT NOT NULL, add_offset BIGINT NOT NULL, mod_time BIGINT NOT NULL, mod_offset BIGINT NOT NULL,
    revision BIGINT NOT NULL
){rowless};
CREATE UNIQUE INDEX users_username ON users (username_key) WHERE status <> 'D' AND username_key <> '';
CREATE INDEX users_name ON users (last_key, first_key);
CREATE INDEX users_employee ON users (employee_key);
CREATE INDEX users_sys ON users (sys_key);
CREATE INDEX users_crm ON users (crm_key);
CREATE INDEX users_revision ON users (revision);

-- A phone's number is a DEVICEID. A change of a user's phones is a change of the user.
CREATE TABLE agent_phones (
    phone_key TEXT PRIMARY KEY, phone TEXT NOT NULL, user_id BIGINT NOT NULL REFERENCES users (id),
    place BIGINT NOT NULL
){rowless};
CREATE INDEX agent_phones_user ON agent_phones (user_id);

CREATE TABLE groups (id BIGINT PRIMARY KEY, name TEXT NOT NULL, name_key TEXT NOT NULL UNIQUE){rowless};
CREATE TABLE group_members (
    group_id BIGINT NOT NULL REFERENCES groups (id), user_id BIGINT NOT NULL REFERENCES users (id),
    device_key TEXT NOT NULL, device TEXT NOT NULL, PRIMARY KEY (group_id, user_id, device_key)
){rowless};

CREATE TABLE roles (
    id BIGINT PRIMARY KEY, name TEXT NOT NULL, name_key TEXT NOT NULL UNIQUE, description TEXT NOT NULL
){rowless};
CREATE TABLE role_groups (
    role_id BIGINT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    group_id BIGINT NOT NULL REFERENCES groups (id), PRIMARY KEY (role_id, group_id)
){rowless};
CREATE TABLE role_permissions (
    role_id BIGINT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    permission_key TEXT NOT NULL, permission TEXT NOT NULL, PRIMARY KEY (role_id, permission_key)
){rowless};
CREATE TABLE user_roles (
    user_id BIGINT NOT NULL REFERENCES users (id),
    role_id BIGINT NOT NULL REFERENCES roles (id) ON DELETE CASCADE, PRIMARY KEY (user_id, role_id)
){rowless};

CREATE TABLE terminology (name TEXT PRIMARY KEY, value TEXT NOT NULL){rowless};
-- The reference's example of FETCHTERMINOLOGY.
INSERT INTO terminology (name, value) VALUES
    ('agent', 'Agent'), ('ani', 'CallerID ANI'), ('callcopygroup', 'CallCopy group'),
    ('devicealias', 'Agent Number'), ('deviceid', 'Voice Port'), ('dnis', 'Number Called DNIS'),
    ('gate', 'ACD Gate'), ('group', 'Group'), ('user1', 'Account Number'), ('user2', 'CSN');

CREATE TABLE archive_actions (id BIGINT PRIMARY KEY, name TEXT NOT NULL){rowless};

-- What was deleted, so that a snapshot can follow. kind: device, station.
CREATE TABLE tombstones (
    kind TEXT NOT NULL, key TEXT NOT NULL, revision BIGINT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (kind, key)
){rowless};
CREATE INDEX tombstones_revision ON tombstones (revision);

-- One row per transaction, whose number it has. at: UNIX milliseconds.
CREATE TABLE audit (
    revision BIGINT PRIMARY KEY, at BIGINT NOT NULL, who TEXT NOT NULL, source TEXT NOT NULL,
    function TEXT NOT NULL, what TEXT NOT NULL
){rowless};
