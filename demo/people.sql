-- Who the shop's customers really are, and the ways they type their phone numbers: schema made_up.
-- Arithmetic only, so every machine plays the same shop, and no use of the extension, so its answers
-- can be checked against this. Names and addresses are invented; numbers come from the ranges kept
-- for films where a country has one.
CREATE SCHEMA made_up;

CREATE TABLE made_up.ranges (
  id            integer PRIMARY KEY,
  country       text,
  country_code  text,
  area          text,     -- as in the international number
  area_at_home  text,     -- as dialled within the country
  exchange      text,
  digits        integer,  -- of the part that tells people apart
  from_abroad   text,     -- what goes before the area instead of +
  first_names   text[],
  last_names    text[],
  street        text
);

INSERT INTO made_up.ranges VALUES
  (0, 'DE', '49', '176', '0176',   '04069', 3, '0049',
   '{Jana,Henrik,Meike,Ole,Frauke,Tilo,Wiebke}', '{Auerbach,Brandtner,Dornfeld,Eschweil,Habermoor}', 'Lindenstieg'),
  (1, 'GB', '44', '20',  '020',    '7946',  4, '0044',
   '{Alfie,Bryony,Callum,Dilys,Edith,Fergus,Gwen}', '{Ashcombe,Birkwell,Copperfield,Dunmore,Elmsley}', 'Larkspur Lane'),
  (2, 'FR', '33', '1',   '01',     '9900',  4, '0033',
   '{Amélie,Bastien,Clémence,Damien,Élodie,Florent,Garance}', '{Aubrac,Beaucourt,Chantevert,Delorme,Estival}', 'rue des Tilleuls'),
  (3, 'IT', '39', '02',  '02',     '5550',  4, '0039',
   '{Alba,Bruno,Chiara,Dario,Elisa,Fabio,Ginevra}', '{Altieri,Bellaspina,Corvelli,Dandolo,Estense}', 'via dei Gelsi'),
  (4, 'IT', '39', '312', '312',    '555',   4, '0039',
   '{Lapo,Mirella,Nico,Ornella,Piero,Rosalba,Sandro}', '{Fiorente,Gambarelli,Lunardi,Montalto,Nardelli}', 'via del Faro'),
  (5, 'US', '1',  '312', '312',    '555',   4, '1',
   '{Ada,Brody,Carmen,Dwight,Ellie,Frank,Grace}', '{Abernathy,Brightwater,Calloway,Dunleavy,Everhart}', 'Juniper Street'),
  (6, 'EG', '20', '10',  '010',    '0000',  4, '0020',
   '{Amina,Bassem,Dalia,Essam,Farida,Gamal,Hoda}', '{Abdelnour,Barakat,Darwish,Elmasry,Fahmy}', 'Sharia el-Zaytun'),
  (7, 'AR', '54', '911', '011 15', '5555',  4, '0054',
   '{Abril,Benicio,Catalina,Dante,Emilia,Facundo,Guadalupe}', '{Arrieta,Belmonte,Cardozo,Duarte,Echegoyen}', 'calle Jacarandá');

CREATE TABLE made_up.people AS
SELECT n AS id,
       country, country_code, area, area_at_home, exchange, from_abroad,
       lpad((100 + n / 8)::text, digits, '0') AS line,
       first_names[1 + n % 7] || ' ' || last_names[1 + n % 5] AS name,
       street || ' ' || 1 + n % 90 AS address,
       n % 5 = 0 AS is_guest_only
FROM generate_series(0, 319) AS n
JOIN made_up.ranges ON ranges.id = n % 8;

ALTER TABLE made_up.people
  ADD PRIMARY KEY (id),
  ADD e164 text UNIQUE GENERATED ALWAYS AS ('+' || country_code || area || exchange || line) STORED;

-- The one whose history the report tells.
INSERT INTO made_up.people VALUES
  (320, 'DE', '49', '171', '0171', '3920', '0049', '042', 'Mara Lindqvist', 'Kastanienweg 12', false);

-- Thirteen ways to type a person's number, the common ones more often; `nth` picks one.
CREATE FUNCTION made_up.spell(person made_up.people, nth integer) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN CASE (ARRAY[2, 1, 0, 3, 2, 4, 5, 1, 7, 2, 0, 3, 6, 1, 8, 2, 4, 0, 5, 9, 1, 3, 2, 10, 0, 4, 11, 1, 2, 5, 3, 12])[1 + nth % 32]
  WHEN 0 THEN person.e164
  WHEN 1 THEN format('+%s %s %s %s', person.country_code, person.area, person.exchange, person.line)
  WHEN 2 THEN replace(person.area_at_home, ' ', '') || person.exchange || person.line
  WHEN 3 THEN format('(%s) %s-%s', person.area_at_home, person.exchange, person.line)
  WHEN 4 THEN format('%s %s %s %s', person.from_abroad, person.area, person.exchange, person.line)
  WHEN 5 THEN format(CASE person.area_at_home WHEN '0' || person.area THEN '+%s (0)%s %s%s' ELSE '+%s (%s) %s%s' END,
                     person.country_code, person.area, person.exchange, person.line)
  WHEN 6 THEN format('%s.%s.%s', person.area_at_home, person.exchange, person.line)
  WHEN 7 THEN format('tel:+%s-%s-%s-%s', person.country_code, person.area, person.exchange, person.line)
  WHEN 8 THEN format('%s %s %s ext. 12', person.area_at_home, person.exchange, person.line)
  WHEN 9 THEN translate(format('+%s %s %s%s', person.country_code, person.area, person.exchange, person.line),
                        '+0123456789', '＋０１２３４５６７８９')
  WHEN 10 THEN translate(format('%s %s%s', person.area_at_home, person.exchange, person.line),
                         '0123456789', CASE person.country WHEN 'EG' THEN '٠١٢٣٤٥٦٧٨٩' ELSE '0123456789' END)
  -- With the invisible mark that comes along when a number is copied from a chat.
  WHEN 11 THEN U&'\200E' || format('+%s %s %s %s', person.country_code, person.area, person.exchange, person.line)
  WHEN 12 THEN format(' %s%s%s%s ', person.from_abroad, person.area, person.exchange, person.line)
END;

-- The phones of people who do not want to be called, with the country they chose.
CREATE TABLE made_up.junk (id integer PRIMARY KEY, phone text, country text);

INSERT INTO made_up.junk VALUES
  (0, 'n/a',               'DE'), (1, '000000000',     'GB'), (2, '12',               'FR'), (3, 'ask my mum', 'US'),
  (4, '+999 123 456 789',  'DE'), (5, '   ',           'IT'), (6, '0176 04069 100',   NULL), (7, '020 7946 0100', 'XX'),
  (8, '020 7946 0100 020 7946 0101', 'GB'), (9, '+49 176', 'DE');
