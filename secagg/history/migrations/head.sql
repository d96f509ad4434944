CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)
;
CREATE TABLE audit (
	id INTEGER NOT NULL,
	at TEXT NOT NULL,
	who TEXT NOT NULL,
	what TEXT NOT NULL,
	subject TEXT NOT NULL,
	"before" TEXT,
	"after" TEXT,
	PRIMARY KEY (id)
)
;
CREATE TABLE repository (
	id INTEGER NOT NULL,
	name TEXT NOT NULL, default_branch TEXT,
	PRIMARY KEY (id),
	UNIQUE (name)
)
;
CREATE TABLE tool (
	id INTEGER NOT NULL,
	name TEXT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (name)
)
;
CREATE TABLE branch (
	id INTEGER NOT NULL,
	repository_id INTEGER NOT NULL,
	name TEXT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(repository_id) REFERENCES repository (id),
	UNIQUE (repository_id, name)
)
;
CREATE TABLE decision (
	id INTEGER NOT NULL,
	repository_id INTEGER NOT NULL,
	identity TEXT NOT NULL,
	state TEXT NOT NULL,
	reason TEXT NOT NULL,
	"by" TEXT,
	owner TEXT,
	at TEXT NOT NULL,
	expires TEXT,
	undone_at TEXT, alert TEXT,
	PRIMARY KEY (id),
	FOREIGN KEY(repository_id) REFERENCES repository (id)
)
;
CREATE INDEX ix_decision_identity ON decision (repository_id, identity)
;
CREATE TABLE finding (
	id INTEGER NOT NULL,
	repository_id INTEGER NOT NULL,
	identity TEXT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(repository_id) REFERENCES repository (id),
	UNIQUE (repository_id, identity)
)
;
CREATE TABLE content (
	id INTEGER NOT NULL,
	finding_id INTEGER NOT NULL,
	digest TEXT NOT NULL,
	component TEXT NOT NULL,
	tools BIGINT NOT NULL,
	document TEXT NOT NULL, severity TEXT DEFAULT 'none' NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(finding_id) REFERENCES finding (id),
	UNIQUE (finding_id, digest)
)
;
CREATE TABLE run (
	id INTEGER NOT NULL,
	"key" TEXT NOT NULL,
	branch_id INTEGER NOT NULL,
	git_commit TEXT,
	started_at TEXT NOT NULL,
	verdict TEXT NOT NULL,
	policy TEXT NOT NULL,
	by_severity TEXT NOT NULL,
	recorded_at TEXT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(branch_id) REFERENCES branch (id),
	UNIQUE ("key")
)
;
CREATE INDEX ix_run_git_commit ON run (git_commit)
;
CREATE INDEX ix_run_order ON run (branch_id, started_at, "key")
;
CREATE TABLE covered (
	run_id INTEGER NOT NULL,
	tool_id INTEGER NOT NULL,
	component TEXT NOT NULL,
	PRIMARY KEY (run_id, tool_id, component),
	FOREIGN KEY(run_id) REFERENCES run (id),
	FOREIGN KEY(tool_id) REFERENCES tool (id)
)
;
CREATE TABLE tool_run (
	run_id INTEGER NOT NULL,
	number INTEGER NOT NULL,
	tool TEXT NOT NULL,
	component TEXT NOT NULL,
	mode TEXT,
	status TEXT NOT NULL,
	version TEXT,
	seconds FLOAT NOT NULL,
	reason TEXT, gaps TEXT,
	PRIMARY KEY (run_id, number),
	FOREIGN KEY(run_id) REFERENCES run (id)
)
;
CREATE TABLE upload (
	id INTEGER NOT NULL,
	run_id INTEGER NOT NULL,
	at TEXT NOT NULL,
	summary TEXT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(run_id) REFERENCES run (id)
)
;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only ever added to'); END
;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only ever added to'); END
;
CREATE TABLE alert (
	repository_id INTEGER NOT NULL,
	number INTEGER NOT NULL,
	updated_at TEXT NOT NULL,
	document TEXT NOT NULL,
	written TEXT,
	PRIMARY KEY (repository_id, number),
	FOREIGN KEY(repository_id) REFERENCES repository (id)
)
;
CREATE TABLE api_token (
	token_id TEXT NOT NULL,
	name TEXT NOT NULL,
	digest TEXT NOT NULL,
	scopes TEXT NOT NULL,
	repositories TEXT NOT NULL,
	created_at TEXT NOT NULL,
	created_by TEXT NOT NULL,
	expires_at TEXT NOT NULL,
	revoked_at TEXT,
	PRIMARY KEY (token_id)
)
;
CREATE TABLE sighting (
	branch_id INTEGER NOT NULL,
	finding_id INTEGER NOT NULL,
	from_run_id INTEGER NOT NULL,
	to_run_id INTEGER,
	content_id INTEGER NOT NULL,
	baseline TEXT,
	PRIMARY KEY (branch_id, finding_id, from_run_id),
	FOREIGN KEY(branch_id) REFERENCES branch (id)
)
 WITHOUT ROWID
;
CREATE TABLE epss (
	branch_id INTEGER NOT NULL,
	finding_id INTEGER NOT NULL,
	from_run_id INTEGER NOT NULL,
	to_run_id INTEGER,
	value FLOAT NOT NULL,
	PRIMARY KEY (branch_id, finding_id, from_run_id),
	FOREIGN KEY(branch_id) REFERENCES branch (id)
)
 WITHOUT ROWID
;
CREATE TABLE alias (
	branch_id INTEGER NOT NULL,
	finding_id INTEGER NOT NULL,
	identity TEXT NOT NULL,
	run_id INTEGER NOT NULL,
	PRIMARY KEY (branch_id, finding_id, identity),
	FOREIGN KEY(branch_id) REFERENCES branch (id)
)
 WITHOUT ROWID
;
CREATE TABLE standing (
	branch_id INTEGER NOT NULL,
	finding_id INTEGER NOT NULL,
	first_run_id INTEGER NOT NULL,
	last_run_id INTEGER,
	fixed_run_id INTEGER,
	reopened_run_id INTEGER,
	superseded_run_id INTEGER,
	component TEXT NOT NULL,
	knew BIGINT NOT NULL,
	content_id INTEGER NOT NULL,
	baseline TEXT,
	epss FLOAT,
	PRIMARY KEY (branch_id, finding_id),
	FOREIGN KEY(branch_id) REFERENCES branch (id)
)
 WITHOUT ROWID
;
CREATE TABLE current_problem (
	branch_id INTEGER NOT NULL,
	finding_id INTEGER NOT NULL,
	repository TEXT NOT NULL,
	branch TEXT NOT NULL,
	identity TEXT NOT NULL,
	names TEXT NOT NULL,
	worst TEXT NOT NULL,
	place TEXT NOT NULL,
	line INTEGER NOT NULL,
	rule_id TEXT NOT NULL,
	rank INTEGER NOT NULL,
	severity TEXT NOT NULL,
	kind TEXT NOT NULL,
	files TEXT NOT NULL,
	ids TEXT NOT NULL,
	component TEXT NOT NULL,
	package TEXT,
	package_type TEXT,
	version TEXT,
	packaged TEXT,
	tools TEXT NOT NULL,
	tool_count INTEGER NOT NULL,
	owners TEXT NOT NULL,
	score FLOAT NOT NULL,
	epss FLOAT NOT NULL,
	has_fix BOOLEAN NOT NULL,
	first_seen TEXT NOT NULL,
	reopened_at TEXT,
	fixed_at TEXT,
	news_at TEXT NOT NULL,
	days_until_fixed INTEGER,
	due TEXT,
	excepted TEXT,
	exception_expires TEXT,
	decision_id INTEGER,
	decided TEXT,
	decided_owner TEXT,
	decision_expires TEXT,
	may_change BOOLEAN NOT NULL,
	PRIMARY KEY (branch_id, finding_id)
)
;
CREATE INDEX ix_current_problem_news ON current_problem (branch_id, news_at)
;
CREATE INDEX ix_current_problem_may_change ON current_problem (branch_id) WHERE may_change
;
CREATE TABLE current_text (
	branch_id INTEGER NOT NULL,
	finding_id INTEGER NOT NULL,
	texts TEXT NOT NULL,
	decided_texts TEXT,
	PRIMARY KEY (branch_id, finding_id)
)
;
