-- Copyright (c) 2026, The lifeboat.dr authors
-- GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- A small shop: related tables, sequences, an extension, a partitioned table, a materialised view, a large object, a generated column.
begin;
create schema shop;
create extension citext with schema shop;
set search_path to shop;

create type state as enum ('new', 'paid', 'sent', 'returned');

create table customers (
    id bigint generated always as identity primary key,
    email citext not null unique,
    name text not null,
    joined_at timestamptz not null
);
create table products (
    id bigserial primary key,
    sku text not null unique,
    title text not null,
    price numeric(10, 2) not null check (price > 0),
    price_with_tax numeric(12, 4) generated always as (price * 1.25) stored,
    attributes jsonb not null default '{}'
);
create table orders (
    id bigserial primary key,
    customer bigint not null references customers,
    state state not null default 'new',
    placed_at timestamptz not null
);
create index on orders (customer);
create table order_lines (
    "order" bigint not null references orders on delete cascade,
    product bigint not null references products,
    quantity integer not null check (quantity > 0),
    primary key ("order", product)
);
create table events (
    id bigint generated always as identity,
    at timestamptz not null,
    "order" bigint not null references orders,
    note text,
    primary key (id, at)
) partition by range (at);
create table events_old partition of events for values from (minvalue) to ('2026-01-01');
create table events_new partition of events for values from ('2026-01-01') to (maxvalue);

insert into customers (email, name, joined_at)
    select format('Customer%s@example.org', n), format(E'Kund\u00e9 %s', n), now() - n * interval '1 day' from generate_series(1, 500) n;
insert into products (sku, title, price, attributes)
    select format('SKU-%s', lpad(n::text, 5, '0')), repeat(md5(n::text), 3), (n % 90) + 0.99, jsonb_build_object('weight', n, 'tags', array['a', 'b'])
    from generate_series(1, 200) n;
insert into orders (customer, state, placed_at)
    select 1 + n % 500, (enum_range(null::state))[1 + n % 4], now() - (2000 - n) * interval '6 hours' from generate_series(1, 2000) n;
insert into order_lines select 1 + n % 2000, 1 + (n * 7 + n / 2000) % 200, 1 + n % 5 from generate_series(1, 6000) n on conflict do nothing;
insert into events (at, "order", note)
    select timestamptz '2025-06-01' + n * interval '3 hours', 1 + n % 2000, nullif(repeat('x', n % 40), '') from generate_series(1, 4000) n;

create materialized view best_customers as
    select customer, count(*) as orders from orders group by customer order by 2 desc, 1 limit 20;
select lo_from_bytea(0, decode(repeat('c0ffee', 1000), 'hex'));
commit;

create role shop_reader;
grant usage on schema shop to shop_reader;
grant select on all tables in schema shop to shop_reader;
