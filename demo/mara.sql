-- One person by hand: three logins in three years, and an order as a guest when she had forgotten them.
INSERT INTO made_up.logins (id, person_id, attempt, name, country, phone) VALUES
  (600, 320, 2, 'Mara Lindqvist', 'DE', '+49 (0)171 39200-42'),
  (601, 320, 3, 'M. Lindqvist',   'DE', '０１７１　３９２００４２'),
  (602, 320, 4, 'mara',           'EG', '0049 171 3920042');

INSERT INTO "user" (id, name, email, phone, country, "createdAt")
SELECT user_id, name, email, phone, country, signed_up
FROM made_up.logins
JOIN (VALUES (600, 'mara@work.example',      timestamptz '2023-02-11 09:30+00'),
             (601, 'lindqvist@mail.example', '2024-05-02 18:10+00'),
             (602, 'mara@travels.example',   '2025-01-19 21:45+00')) AS sign_up (id, email, signed_up) USING (id)
ORDER BY id;

INSERT INTO orders (user_id, phone, country, address, total, status, payment, created_at) VALUES
  (md5('login 600'), NULL,               'DE', 'Kastanienweg 12', 48.90, 'delivered', 'card',     '2023-02-11 09:41+00'),
  (md5('login 600'), NULL,               'DE', 'Kastanienweg 12', 19.50, 'cancelled', 'card',     '2023-11-27 12:03+00'),
  (md5('login 601'), NULL,               'DE', 'Kastanienweg 12', 86.00, 'delivered', 'transfer', '2024-05-02 18:22+00'),
  (NULL,             '(0171) 39 20 042', 'DE', 'Am Speicher 3',   32.40, 'delivered', 'card',     '2024-12-14 07:58+00'),
  (md5('login 602'), NULL,               'EG', 'Sharia el-Nil 7', 57.20, 'shipped',   'card',     '2025-01-20 10:15+00');
