"""The database that every case starts from."""

SCHEMA = """
CREATE TABLE account (
    id serial PRIMARY KEY,
    name text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE note (
    id serial PRIMARY KEY,
    account_id integer REFERENCES account (id) DEFERRABLE INITIALLY DEFERRED,
    body text NOT NULL DEFAULT ''
);
CREATE TABLE pair (
    left_id integer NOT NULL,
    right_id integer NOT NULL,
    CONSTRAINT pair_left UNIQUE (left_id) DEFERRABLE INITIALLY IMMEDIATE
);
CREATE TABLE country (code text PRIMARY KEY, label text NOT NULL);
INSERT INTO country VALUES ('ch', 'Switzerland'), ('pe', 'Peru');
INSERT INTO account (name) VALUES ('seeded');
CREATE FUNCTION need_body() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT body FROM note WHERE id = NEW.id) = 'forbidden' THEN
        RAISE EXCEPTION 'a note needs another body' USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER note_body AFTER INSERT OR UPDATE ON note
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION need_body();
CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO account (name) VALUES ('by procedure');
    COMMIT;
END $$;
CREATE FUNCTION adds(who text) RETURNS integer LANGUAGE sql AS
    $$ INSERT INTO account (name) VALUES (who) RETURNING id $$;
CREATE TYPE colour AS ENUM ('red');
"""
