#!/bin/sh
# Run once by the postgres image: the owner migrates, the run role serves under row security and owns nothing.
set -eu
psql --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
     --set owner_password="$FLYWHEEL_OWNER_PASSWORD" --set run_password="$FLYWHEEL_RUN_PASSWORD" <<'SQL'
CREATE ROLE flywheel_owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB PASSWORD :'owner_password';
CREATE ROLE flywheel_run LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB PASSWORD :'run_password';
CREATE DATABASE flywheel OWNER flywheel_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE CONNECT ON DATABASE flywheel FROM PUBLIC;
GRANT CONNECT ON DATABASE flywheel TO flywheel_run;
SQL
