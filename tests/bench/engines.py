"""The registry's databases for a measurement: each engine's server, tables, and images in bulk.

Image number i of `count` is, by arithmetic that the load knows, too (registry.lua):
  i % 10      0 shared with one tenant, all of them in turn; 1 to 3 public, 4 to 6 open to sharing,
              7 to 9 private
  i // 10 % 2 1 a deleted image's row, with its properties
  i % tenants the owner's number
so of twenty images in a row ten are there. Every one has eight properties and a location. The tenant
`popular` is a member of the first 10,000 shared images that are there.
"""
import glob
import os
import sqlite3
import subprocess

TABLES = ['images', 'image_properties', 'image_members', 'image_locations']
POPULAR = 10000


def tenants(count):
    """How many there are; each sees at least a page of images."""
    return max(2, min(1000, count // 50))


class Engine:
    """`name`; `connection(database)`; `fill(database, count)` after glance-manage made the tables."""
    plus, each_with = '||', 'CROSS JOIN'
    true, false = '1', '0'

    def statements(self, count):
        number, text, time, div = self.number(count), self.text, self.time, self.div
        identity = "'00000000-0000-4000-8000-' %s %s" % (self.plus, self.pad('i', 12))
        dead = '%s %% 2 = 1' % div('i', 10)
        live = '%s %% 2 = 0' % div('i', 10)
        # Images that follow each other are far from each other in time.
        made = '(i * 7919) %% %d' % count
        yes_if_dead = 'CASE WHEN %s THEN %s ELSE %s END' % (dead, self.true, self.false)
        gone = 'CASE WHEN %s THEN %s END' % (dead, time(made + ' + 20'))
        concat = lambda *pieces: (' %s ' % self.plus).join(pieces)
        yield ('INSERT INTO images (id, name, size, status, created_at, updated_at, deleted_at, deleted, '
               'disk_format, container_format, checksum, owner, min_disk, min_ram, protected, visibility) '
               'SELECT %s, %s, ((i * 7919) %% 1000 + 1) * 1048576, CASE WHEN %s THEN %s ELSE %s END, '
               '%s, %s, %s, %s, '
               "CASE i %% 4 WHEN 0 THEN 'raw' WHEN 1 THEN 'qcow2' WHEN 2 THEN 'vmdk' ELSE 'vhd' END, 'bare', "
               "'d41d8cd98f00b204e9800998ecf8427e', %s, 0, 0, %s, "
               '%s FROM %s ORDER BY i'
               % (identity, concat("'name-'", text(div('i', 20))), dead, "'deleted'", "'active'",
                  time(made), time(made + ' + 10'), gone, yes_if_dead,
                  concat("'tenant-'", text('i %% %d' % tenants(count))), self.false, self.visibility(
                      "CASE WHEN i % 10 IN (1, 2, 3) THEN 'public' WHEN i % 10 IN (7, 8, 9) THEN 'private' "
                      "ELSE 'shared' END"), number))
        # Those of one image lie together, as they do when it is registered.
        keys = '(%s) k' % ' UNION ALL '.join('SELECT %d AS k' % key for key in range(8))
        value = ('CASE k WHEN 0 THEN %s WHEN 1 THEN %s ELSE %s END'
                 % (concat("'os-'", text('%s %% 2' % div('i', 20))), concat("'batch-'", text(div('i', 20))),
                    concat("'value-'", text('i % (k * 100)'))))
        yield ('INSERT INTO image_properties (image_id, name, value, created_at, updated_at, deleted_at, deleted) '
               'SELECT %s, %s, %s, %s, %s, %s, %s FROM %s %s %s ORDER BY i'
               % (identity, concat("'key'", text('k')), value, time(made), time(made), gone, yes_if_dead, number,
                  self.each_with, keys))
        yield ('INSERT INTO image_locations (image_id, value, created_at, updated_at, deleted_at, deleted, meta_data, '
               "status) SELECT %s, %s, %s, %s, %s, %s, '{}', CASE WHEN %s THEN 'deleted' ELSE 'active' END "
               'FROM %s ORDER BY i'
               % (identity, concat("'file:///var/lib/glance/images/'", identity), time(made), time(made), gone,
                  yes_if_dead, dead, number))
        for member, which in ((concat("'tenant-'", text('(%s + 1) %% %d' % (div('i', 20), tenants(count)))), live),
                              ("'popular'", '%s AND i < %d' % (live, POPULAR * 20))):
            yield ('INSERT INTO image_members (image_id, member, can_share, created_at, updated_at, deleted, status) '
                   "SELECT %s, %s, %s, %s, %s, %s, 'accepted' FROM %s WHERE i %% 10 = 0 AND %s ORDER BY i"
                   % (identity, member, self.false, time(made), time(made), self.false, number, which))

    def pad(self, value, digits):
        return "lpad(%s, %d, '0')" % (self.text(value), digits)

    def div(self, value, by):
        return '(%s / %d)' % (value, by)

    def visibility(self, value):
        return value

    def stop(self):
        pass


class Sqlite(Engine):
    name = 'SQLite'

    def __init__(self, directory):
        self.directory = directory

    def path(self, database):
        return os.path.join(self.directory, database + '.sqlite')

    def make(self, database):
        """There is a file when it is opened."""

    def connection(self, database):
        return 'sqlite:///' + self.path(database)

    def number(self, count):
        return ('(WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < %d) '
                'SELECT i FROM numbers) n' % (count - 1))

    def text(self, value):
        return 'CAST(%s AS TEXT)' % value

    def pad(self, value, digits):
        return "printf('%%0%dd', %s)" % (digits, value)

    def time(self, seconds):
        return "strftime('%%Y-%%m-%%d %%H:%%M:%%S.000000', 1767225600 + %s, 'unixepoch')" % seconds

    def fill(self, database, count):
        connection = sqlite3.connect(self.path(database), isolation_level=None)
        for pragma in ('journal_mode = off', 'synchronous = off', 'cache_size = -500000'):
            connection.execute('PRAGMA ' + pragma)
        # Building them when all is there is many times faster.
        indexes = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL "
                                     'AND tbl_name IN (%s)' % ', '.join('?' * len(TABLES)), TABLES).fetchall()
        for name, _ in indexes:
            connection.execute('DROP INDEX ' + name)
        for statement in self.statements(count):
            connection.execute(statement)
        for _, sql in indexes:
            connection.execute(sql)
        connection.execute('ANALYZE')
        connection.execute('PRAGMA journal_mode = wal')
        connection.close()

    def ask(self, database, sql):
        connection = sqlite3.connect(self.path(database))
        try:
            return str(connection.execute(sql).fetchone()[0])
        finally:
            connection.close()


class Postgres(Engine):
    name = 'PostgreSQL'
    true, false = 'true', 'false'

    def __init__(self, server):
        self.server, self.url = server, server['POSTGRES_URL']
        programs = sorted(glob.glob('/usr/lib/postgresql/*/bin/psql')) or ['psql']
        self.psql = programs[-1]

    def make(self, database):
        self.run('glance', 'CREATE DATABASE ' + database)

    def connection(self, database):
        return self.url.rpartition('/')[0] + '/' + database

    def run(self, database, *statements):
        result = subprocess.run([self.psql, '-qXtA', '-v', 'ON_ERROR_STOP=1', '-d', self.connection(database)],
                                input=';\n'.join(statements) + ';\n', check=True, text=True, stdout=subprocess.PIPE)
        return result.stdout.strip()

    ask = run

    def number(self, count):
        return '(SELECT generate_series(0, %d)::bigint AS i) n' % (count - 1)

    def text(self, value):
        return '(%s)::text' % value

    def visibility(self, value):
        return '(%s)::image_visibility' % value

    def time(self, seconds):
        return "(timestamp '2026-01-01' + (%s) * interval '1 second')" % seconds

    def fill(self, database, count):
        rows = self.run(database, "SELECT indexname || '|' || indexdef FROM pg_indexes WHERE schemaname = 'public' "
                        'AND tablename IN (%s) AND indexname NOT IN (SELECT conname FROM pg_constraint)'
                        % ', '.join("'%s'" % table for table in TABLES))
        indexes = dict(row.split('|', 1) for row in rows.splitlines())
        self.run(database, *('DROP INDEX %s' % name for name in indexes), 'SET synchronous_commit = off',
                 *self.statements(count), "SET maintenance_work_mem = '256MB'", *indexes.values())
        self.run(database, *('VACUUM ANALYZE ' + table for table in TABLES))
        # Else the server writes this out while it is measured.
        subprocess.run([self.psql, '-qXc', 'CHECKPOINT', '-d', self.server['POSTGRES_ADMIN_URL']], check=True)

    def stop(self):
        self.server.stop()


class Mariadb(Engine):
    name = 'MariaDB'
    each_with = 'STRAIGHT_JOIN'

    def __init__(self, server):
        self.server, self.url = server, server['MARIADB_URL']

    def make(self, database):
        self.run('glance', 'CREATE DATABASE ' + database)

    def connection(self, database):
        return self.url.rpartition('/')[0] + '/' + database

    def run(self, database, *statements):
        place = self.url.rpartition('@')[2].partition('/')[0].split(':')
        result = subprocess.run(['mariadb', '--no-defaults', '--protocol=tcp', '-h', place[0], '-P', place[1],
                                 '-u', 'glance', '-NB', database], input=';\n'.join(statements) + ';\n', check=True,
                                text=True, stdout=subprocess.PIPE, env={**os.environ, 'MYSQL_PWD': 'glance'})
        return result.stdout.strip()

    ask = run

    def number(self, count):
        return '(SELECT seq AS i FROM seq_0_to_%d) n' % (count - 1)

    def text(self, value):
        return 'CAST(%s AS CHAR)' % value

    def div(self, value, by):
        return '(%s DIV %d)' % (value, by)

    def time(self, seconds):
        return "(TIMESTAMP '2026-01-01 00:00:00' + INTERVAL (%s) SECOND)" % seconds

    def fill(self, database, count):
        self.run(database, "SET SESSION sql_mode = 'PIPES_AS_CONCAT', unique_checks = 0, foreign_key_checks = 0",
                 *self.statements(count))
        self.run(database, 'ANALYZE TABLE ' + ', '.join(TABLES))

    def stop(self):
        self.server.stop()
