BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT pk_alembic_version PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE annotation (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	item_id TEXT, 
	dataset_id TEXT, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_annotation PRIMARY KEY (id)
);
CREATE TABLE command (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	type TEXT, 
	status TEXT, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_command PRIMARY KEY (id)
);
CREATE TABLE dataset (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	project_id TEXT, 
	name TEXT, 
	hidden BOOLEAN, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_dataset PRIMARY KEY (id)
);
INSERT INTO "dataset" VALUES('6b0164864d000001e7e0ba72','2026-11-21T09:29:42.308Z','2026-11-21T09:29:42.308Z','01a1fd70-aca4-7000-8002-9bb7d11d4622','Binaries',1,'{"id":"6b0164864d000001e7e0ba72","name":"Binaries","projects":["01a1fd70-aca4-7000-8002-9bb7d11d4622"],"metadata":{"system":{"recipes":[]}},"creator":"ann@example.org","createdAt":"2026-11-21T09:29:42.308Z","updatedAt":"2026-11-21T09:29:42.308Z","hidden":true,"readonly":false,"readableType":"","accessLevel":"private","driver":"local","indexDriver":"v1","isSyncing":false,"annotated":0}',NULL);
INSERT INTO "dataset" VALUES('6b0164864f000000acf4d0aa','2026-11-21T09:29:42.316Z','2026-11-21T09:29:42.316Z','01a1fd70-aca4-7000-8002-9bb7d11d4622','photos',0,'{"id":"6b0164864f000000acf4d0aa","name":"photos","projects":["01a1fd70-aca4-7000-8002-9bb7d11d4622"],"metadata":{"system":{"recipes":[]}},"creator":"ann@example.org","createdAt":"2026-11-21T09:29:42.316Z","updatedAt":"2026-11-21T09:29:42.316Z","hidden":false,"readonly":false,"readableType":"","accessLevel":"private","driver":"local","indexDriver":"v1","isSyncing":false,"annotated":0}',NULL);
CREATE TABLE event (
	id INTEGER NOT NULL, 
	run_id TEXT, 
	execution_id TEXT, 
	kind TEXT NOT NULL, 
	at TEXT NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_event PRIMARY KEY (id)
);
INSERT INTO "event" VALUES(1,'6b0164879140000024a1f148',NULL,'run.started','2026-11-21T09:29:43.630Z','{}');
INSERT INTO "event" VALUES(2,'6b0164879140000024a1f148','6b01648799c000001f7afb26','execution.started','2026-11-21T09:29:43.651Z','{"attempt":1}');
INSERT INTO "event" VALUES(3,'6b0164879140000024a1f148','6b01648799c000001f7afb26','execution.ended','2026-11-21T09:29:45.870Z','{"status":"success"}');
INSERT INTO "event" VALUES(4,'6b0164879140000024a1f148','6b016489d90000008a15897f','execution.started','2026-11-21T09:29:45.874Z','{"attempt":1}');
INSERT INTO "event" VALUES(5,'6b0164879140000024a1f148','6b016489d90000008a15897f','execution.ended','2026-11-21T09:29:45.892Z','{"status":"success"}');
INSERT INTO "event" VALUES(6,'6b0164879140000024a1f148',NULL,'run.ended','2026-11-21T09:29:45.900Z','{"status":"success"}');
INSERT INTO "event" VALUES(7,'6b016489e2000000155d0167',NULL,'run.started','2026-11-21T09:29:45.917Z','{}');
INSERT INTO "event" VALUES(8,'6b016489e2000000155d0167','6b016489e5000000aba0e253','execution.started','2026-11-21T09:29:45.917Z','{"attempt":1}');
INSERT INTO "event" VALUES(9,'6b016489e2000000155d0167','6b016489e5000000aba0e253','execution.ended','2026-11-21T09:29:45.936Z','{"status":"failed"}');
INSERT INTO "event" VALUES(10,'6b016489e2000000155d0167',NULL,'run.ended','2026-11-21T09:29:45.936Z','{"status":"failed"}');
INSERT INTO "event" VALUES(11,'6b016489ec000000a2baf6e5',NULL,'run.started','2026-11-21T09:29:45.947Z','{}');
INSERT INTO "event" VALUES(12,'6b016489ec000000a2baf6e5','6b016489ecc00000ac543ea8','execution.started','2026-11-21T09:29:45.948Z','{"attempt":1}');
INSERT INTO "event" VALUES(13,'6b016489ec000000a2baf6e5','6b016489ecc00000ac543ea8','execution.ended','2026-11-21T09:29:45.964Z','{"status":"success"}');
INSERT INTO "event" VALUES(14,'6b016489ec000000a2baf6e5','6b016489f1000000e0c9aeb1','execution.started','2026-11-21T09:29:45.965Z','{"attempt":1}');
INSERT INTO "event" VALUES(15,'6b016489f7c0000015e3f3f5',NULL,'run.started','2026-11-21T09:29:45.994Z','{}');
INSERT INTO "event" VALUES(16,'6b016489f7c0000015e3f3f5','6b016489f8800000374cdb93','execution.started','2026-11-21T09:29:45.995Z','{"attempt":1}');
INSERT INTO "event" VALUES(17,'6b01648a0040000039899a16',NULL,'run.started','2026-11-21T09:29:46.016Z','{}');
INSERT INTO "event" VALUES(18,'6b01648a0040000039899a16','6b01648a020000003bf31003','execution.started','2026-11-21T09:29:46.016Z','{"attempt":1}');
INSERT INTO "event" VALUES(19,'6b016489f7c0000015e3f3f5','6b016489f8800000374cdb93','execution.ended','2026-11-21T09:29:46.029Z','{"status":"success"}');
INSERT INTO "event" VALUES(20,'6b016489f7c0000015e3f3f5','6b01648a07400000d47ea45b','execution.started','2026-11-21T09:29:46.029Z','{"attempt":1}');
INSERT INTO "event" VALUES(21,'6b01648a0bc00000ebe94909',NULL,'run.started','2026-11-21T09:29:46.057Z','{}');
INSERT INTO "event" VALUES(22,'6b01648a0bc00000ebe94909','6b01648a0e000000aa727f6b','execution.started','2026-11-21T09:29:46.057Z','{"attempt":1}');
INSERT INTO "event" VALUES(23,'6b01648a0040000039899a16','6b01648a020000003bf31003','execution.ended','2026-11-21T09:29:46.058Z','{"status":"success"}');
INSERT INTO "event" VALUES(24,'6b01648a0040000039899a16','6b01648a0e800000baa49759','execution.started','2026-11-21T09:29:46.059Z','{"attempt":1}');
INSERT INTO "event" VALUES(25,'6b01648a0bc00000ebe94909','6b01648a0e000000aa727f6b','execution.ended','2026-11-21T09:29:46.083Z','{"status":"success"}');
INSERT INTO "event" VALUES(26,'6b01648a0bc00000ebe94909','6b01648a148000000f43266d','execution.started','2026-11-21T09:29:46.083Z','{"attempt":1}');
INSERT INTO "event" VALUES(27,'6b01648a13800000cba29a30',NULL,'run.started','2026-11-21T09:29:46.096Z','{}');
INSERT INTO "event" VALUES(28,'6b01648a13800000cba29a30','6b01648a180000009d98b029','execution.started','2026-11-21T09:29:46.097Z','{"attempt":1}');
INSERT INTO "event" VALUES(29,'6b01648a1f8000003b2fb632',NULL,'run.started','2026-11-21T09:29:46.127Z','{}');
INSERT INTO "event" VALUES(30,'6b01648a1f8000003b2fb632','6b01648a1fc00000801c241b','execution.started','2026-11-21T09:29:46.128Z','{"attempt":1}');
INSERT INTO "event" VALUES(31,'6b01648a20c000001b6433a6',NULL,'run.started','2026-11-21T09:29:46.136Z','{}');
INSERT INTO "event" VALUES(32,'6b01648a20c000001b6433a6','6b01648a2200000034d783ad','execution.started','2026-11-21T09:29:46.136Z','{"attempt":1}');
INSERT INTO "event" VALUES(33,'6b01648a24400000f173eeb8',NULL,'run.started','2026-11-21T09:29:46.161Z','{}');
INSERT INTO "event" VALUES(34,'6b01648a24400000f173eeb8','6b01648a28400000780c2c60','execution.started','2026-11-21T09:29:46.162Z','{"attempt":1}');
INSERT INTO "event" VALUES(35,'6b01648a2a8000004ffa8e55',NULL,'run.started','2026-11-21T09:29:46.200Z','{}');
INSERT INTO "event" VALUES(36,'6b01648a330000005b51b5d0',NULL,'run.started','2026-11-21T09:29:46.208Z','{}');
INSERT INTO "event" VALUES(37,'6b01648a37400000876a7572',NULL,'run.started','2026-11-21T09:29:46.222Z','{}');
INSERT INTO "event" VALUES(38,'6b01648a3b400000e1c9f82b',NULL,'run.started','2026-11-21T09:29:46.239Z','{}');
INSERT INTO "event" VALUES(39,'6b01648a41c000002c472fbe',NULL,'run.started','2026-11-21T09:29:46.268Z','{}');
CREATE TABLE execution (
	id TEXT NOT NULL, 
	function_name TEXT NOT NULL, 
	status TEXT NOT NULL, 
	creator TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	updated_at TEXT NOT NULL, 
	run_id TEXT, 
	node_id TEXT, 
	visit INTEGER NOT NULL, 
	pipeline_id TEXT, 
	project_id TEXT, 
	service_id TEXT, 
	service_name TEXT, 
	attempt INTEGER NOT NULL, 
	max_attempts INTEGER NOT NULL, 
	fence INTEGER NOT NULL, 
	worker TEXT, 
	lease_until TEXT, 
	input TEXT NOT NULL, 
	output TEXT, 
	closed TEXT, 
	error TEXT, 
	percent DOUBLE, 
	message TEXT, 
	batch_id TEXT, 
	to_terminate BOOLEAN NOT NULL, 
	started_at TEXT, 
	ended_at TEXT, 
	seq INTEGER, 
	log TEXT NOT NULL, 
	over BOOLEAN NOT NULL, 
	CONSTRAINT pk_execution PRIMARY KEY (id)
);
INSERT INTO "execution" VALUES('6b01648799c000001f7afb26','run','success','ann@example.org','2026-11-21T09:29:43.614Z','2026-11-21T09:29:45.867Z','6b0164879140000024a1f148','a',0,'01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b0164872e8000002705fd02','node-a-67a51311',1,1,1,NULL,NULL,'{"x":1}','{"x":2}',NULL,NULL,100.0,NULL,NULL,0,'2026-11-21T09:29:43.614Z','2026-11-21T09:29:45.867Z',3,'[{"timestamp":"2026-11-21T09:29:43.614Z","status":"in-progress"},{"timestamp":"2026-11-21T09:29:45.867Z","status":"success"}]',1);
INSERT INTO "execution" VALUES('6b016489d90000008a15897f','run','success','ann@example.org','2026-11-21T09:29:45.867Z','2026-11-21T09:29:45.891Z','6b0164879140000024a1f148','b',0,'01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b016487320000013df612ea','node-b-010d0dd7',1,1,1,NULL,NULL,'{"x":2}','{"x":4}',NULL,NULL,100.0,NULL,NULL,0,'2026-11-21T09:29:45.867Z','2026-11-21T09:29:45.891Z',5,'[{"timestamp":"2026-11-21T09:29:45.867Z","status":"in-progress"},{"timestamp":"2026-11-21T09:29:45.891Z","status":"success"}]',1);
INSERT INTO "execution" VALUES('6b016489e5000000aba0e253','run','failed','ann@example.org','2026-11-21T09:29:45.916Z','2026-11-21T09:29:45.933Z','6b016489e2000000155d0167','a',0,'01a1fd70-b11f-7000-800e-062cf23afff6','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b0164877e000000505768cb','node-a-5f405649',1,1,1,NULL,NULL,'{"x":1}',NULL,NULL,'{"cause":"exception","type":"ValueError","message":"no such luck","traceback":"Traceback (most recent call last):\n  File \"<node code run 8a44068b>\", line 2, in run\n    raise ValueError(''no such luck'')\nValueError: no such luck\n"}',NULL,NULL,NULL,0,'2026-11-21T09:29:45.916Z','2026-11-21T09:29:45.933Z',9,'[{"timestamp":"2026-11-21T09:29:45.916Z","status":"in-progress"},{"timestamp":"2026-11-21T09:29:45.933Z","status":"failed"}]',1);
INSERT INTO "execution" VALUES('6b016489ecc00000ac543ea8','run','success','ann@example.org','2026-11-21T09:29:45.947Z','2026-11-21T09:29:45.964Z','6b016489ec000000a2baf6e5','a',0,'01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b0164872e8000002705fd02','node-a-67a51311',1,1,1,NULL,NULL,'{"x":1000}','{"x":1001}',NULL,NULL,100.0,NULL,NULL,0,'2026-11-21T09:29:45.947Z','2026-11-21T09:29:45.964Z',13,'[{"timestamp":"2026-11-21T09:29:45.947Z","status":"in-progress"},{"timestamp":"2026-11-21T09:29:45.964Z","status":"success"}]',1);
INSERT INTO "execution" VALUES('6b016489f1000000e0c9aeb1','run','in-progress','ann@example.org','2026-11-21T09:29:45.964Z','2026-11-21T09:29:45.964Z','6b016489ec000000a2baf6e5','b',0,'01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b016487320000013df612ea','node-b-010d0dd7',1,1,1,NULL,NULL,'{"x":1001}',NULL,NULL,NULL,NULL,NULL,NULL,0,'2026-11-21T09:29:45.964Z',NULL,NULL,'[{"timestamp":"2026-11-21T09:29:45.964Z","status":"in-progress"}]',0);
INSERT INTO "execution" VALUES('6b016489f8800000374cdb93','run','success','ann@example.org','2026-11-21T09:29:45.994Z','2026-11-21T09:29:46.028Z','6b016489f7c0000015e3f3f5','a',0,'01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b0164872e8000002705fd02','node-a-67a51311',1,1,1,NULL,NULL,'{"x":500}','{"x":501}',NULL,NULL,100.0,NULL,NULL,0,'2026-11-21T09:29:45.994Z','2026-11-21T09:29:46.028Z',19,'[{"timestamp":"2026-11-21T09:29:45.994Z","status":"in-progress"},{"timestamp":"2026-11-21T09:29:46.028Z","status":"success"}]',1);
INSERT INTO "execution" VALUES('6b01648a020000003bf31003','run','success','ann@example.org','2026-11-21T09:29:46.008Z','2026-11-21T09:29:46.058Z','6b01648a0040000039899a16','a',0,'01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b0164872e8000002705fd02','node-a-67a51311',1,1,1,NULL,NULL,'{"x":501}','{"x":502}',NULL,NULL,100.0,NULL,NULL,0,'2026-11-21T09:29:46.008Z','2026-11-21T09:29:46.058Z',23,'[{"timestamp":"2026-11-21T09:29:46.008Z","status":"in-progress"},{"timestamp":"2026-11-21T09:29:46.058Z","status":"success"}]',1);
INSERT INTO "execution" VALUES('6b01648a07400000d47ea45b','run','in-progress','ann@example.org','2026-11-21T09:29:46.028Z','2026-11-21T09:29:46.028Z','6b016489f7c0000015e3f3f5','b',0,'01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b016487320000013df612ea','node-b-010d0dd7',1,1,1,NULL,NULL,'{"x":501}',NULL,NULL,NULL,NULL,NULL,NULL,0,'2026-11-21T09:29:46.028Z',NULL,NULL,'[{"timestamp":"2026-11-21T09:29:46.028Z","status":"in-progress"}]',0);
INSERT INTO "execution" VALUES('6b01648a0e000000aa727f6b','run','success','ann@example.org','2026-11-21T09:29:46.056Z','2026-11-21T09:29:46.082Z','6b01648a0bc00000ebe94909','a',0,'01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b0164872e8000002705fd02','node-a-67a51311',1,1,1,NULL,NULL,'{"x":502}','{"x":503}',NULL,NULL,100.0,NULL,NULL,0,'2026-11-21T09:29:46.056Z','2026-11-21T09:29:46.082Z',25,'[{"timestamp":"2026-11-21T09:29:46.056Z","status":"in-progress"},{"timestamp":"2026-11-21T09:29:46.082Z","status":"success"}]',1);
INSERT INTO "execution" VALUES('6b01648a0e800000baa49759','run','in-progress','ann@example.org','2026-11-21T09:29:46.058Z','2026-11-21T09:29:46.058Z','6b01648a0040000039899a16','b',0,'01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b016487320000013df612ea','node-b-010d0dd7',1,1,1,NULL,NULL,'{"x":502}',NULL,NULL,NULL,NULL,NULL,NULL,0,'2026-11-21T09:29:46.058Z',NULL,NULL,'[{"timestamp":"2026-11-21T09:29:46.058Z","status":"in-progress"}]',0);
INSERT INTO "execution" VALUES('6b01648a148000000f43266d','run','in-progress','ann@example.org','2026-11-21T09:29:46.082Z','2026-11-21T09:29:46.082Z','6b01648a0bc00000ebe94909','b',0,'01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b016487320000013df612ea','node-b-010d0dd7',1,1,1,NULL,NULL,'{"x":503}',NULL,NULL,NULL,NULL,NULL,NULL,0,'2026-11-21T09:29:46.082Z',NULL,NULL,'[{"timestamp":"2026-11-21T09:29:46.082Z","status":"in-progress"}]',0);
INSERT INTO "execution" VALUES('6b01648a180000009d98b029','run','in-progress','ann@example.org','2026-11-21T09:29:46.095Z','2026-11-21T09:29:46.095Z','6b01648a13800000cba29a30','a',0,'01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b0164872e8000002705fd02','node-a-67a51311',1,1,1,NULL,NULL,'{"x":503}',NULL,NULL,NULL,NULL,NULL,NULL,0,'2026-11-21T09:29:46.095Z',NULL,NULL,'[{"timestamp":"2026-11-21T09:29:46.095Z","status":"in-progress"}]',0);
INSERT INTO "execution" VALUES('6b01648a1fc00000801c241b','run','in-progress','ann@example.org','2026-11-21T09:29:46.127Z','2026-11-21T09:29:46.127Z','6b01648a1f8000003b2fb632','a',0,'01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b0164872e8000002705fd02','node-a-67a51311',1,1,1,NULL,NULL,'{"x":504}',NULL,NULL,NULL,NULL,NULL,NULL,0,'2026-11-21T09:29:46.127Z',NULL,NULL,'[{"timestamp":"2026-11-21T09:29:46.127Z","status":"in-progress"}]',0);
INSERT INTO "execution" VALUES('6b01648a2200000034d783ad','run','in-progress','ann@example.org','2026-11-21T09:29:46.135Z','2026-11-21T09:29:46.135Z','6b01648a20c000001b6433a6','a',0,'01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b0164872e8000002705fd02','node-a-67a51311',1,1,1,NULL,NULL,'{"x":505}',NULL,NULL,NULL,NULL,NULL,NULL,0,'2026-11-21T09:29:46.135Z',NULL,NULL,'[{"timestamp":"2026-11-21T09:29:46.135Z","status":"in-progress"}]',0);
INSERT INTO "execution" VALUES('6b01648a28400000780c2c60','run','in-progress','ann@example.org','2026-11-21T09:29:46.160Z','2026-11-21T09:29:46.160Z','6b01648a24400000f173eeb8','a',0,'01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b0164872e8000002705fd02','node-a-67a51311',1,1,1,NULL,NULL,'{"x":506}',NULL,NULL,NULL,NULL,NULL,NULL,0,'2026-11-21T09:29:46.160Z',NULL,NULL,'[{"timestamp":"2026-11-21T09:29:46.160Z","status":"in-progress"}]',0);
INSERT INTO "execution" VALUES('6b01648a3200000027802175','run','created','ann@example.org','2026-11-21T09:29:46.200Z','2026-11-21T09:29:46.200Z','6b01648a2a8000004ffa8e55','a',0,'01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b0164872e8000002705fd02','node-a-67a51311',1,1,0,NULL,NULL,'{"x":507}',NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,'[]',0);
INSERT INTO "execution" VALUES('6b01648a34000000d2ea51b9','run','created','ann@example.org','2026-11-21T09:29:46.208Z','2026-11-21T09:29:46.208Z','6b01648a330000005b51b5d0','a',0,'01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b0164872e8000002705fd02','node-a-67a51311',1,1,0,NULL,NULL,'{"x":508}',NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,'[]',0);
INSERT INTO "execution" VALUES('6b01648a37800000e1c2ad30','run','created','ann@example.org','2026-11-21T09:29:46.222Z','2026-11-21T09:29:46.222Z','6b01648a37400000876a7572','a',0,'01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b0164872e8000002705fd02','node-a-67a51311',1,1,0,NULL,NULL,'{"x":509}',NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,'[]',0);
INSERT INTO "execution" VALUES('6b01648a3bc000005ce09d16','run','created','ann@example.org','2026-11-21T09:29:46.238Z','2026-11-21T09:29:46.238Z','6b01648a3b400000e1c9f82b','a',0,'01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b0164872e8000002705fd02','node-a-67a51311',1,1,0,NULL,NULL,'{"x":510}',NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,'[]',0);
INSERT INTO "execution" VALUES('6b01648a43000000faddfad9','run','created','ann@example.org','2026-11-21T09:29:46.268Z','2026-11-21T09:29:46.268Z','6b01648a41c000002c472fbe','a',0,'01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b0164872e8000002705fd02','node-a-67a51311',1,1,0,NULL,NULL,'{"x":511}',NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,'[]',0);
CREATE TABLE item (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	dataset_id TEXT, 
	project_id TEXT, 
	filename TEXT, 
	dir TEXT, 
	name TEXT, 
	type TEXT, 
	blob TEXT, 
	hidden BOOLEAN, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_item PRIMARY KEY (id), 
	CONSTRAINT uq_item_dataset_id_filename UNIQUE (dataset_id, filename)
);
INSERT INTO "item" VALUES('6b016486f7c00000278a0b4f','2026-11-21T09:29:42.991Z','2026-11-21T09:29:42.991Z','6b0164864f000000acf4d0aa','01a1fd70-aca4-7000-8002-9bb7d11d4622','/a.txt','/','a.txt','file','5ad711b64936b248bf48e8dcdfa463d9b9b6eb0439ce92fbe2a1b2db26634b95',0,'{"id":"6b016486f7c00000278a0b4f","datasetId":"6b0164864f000000acf4d0aa","projectId":"01a1fd70-aca4-7000-8002-9bb7d11d4622","filename":"/a.txt","name":"a.txt","dir":"/","type":"file","hidden":false,"metadata":{"system":{"size":27,"mimetype":"text/plain","originalname":"a.txt","encoding":"7bit","refs":[]}},"annotated":false,"annotationsCount":0,"spec":null,"creator":"local@dtlpipe.dev","createdAt":"2026-11-21T09:29:42.991Z","updatedAt":"2026-11-21T09:29:42.991Z","updatedBy":"local@dtlpipe.dev","description":null,"srcItem":null}','{"_blob":"5ad711b64936b248bf48e8dcdfa463d9b9b6eb0439ce92fbe2a1b2db26634b95"}');
CREATE TABLE log_line (
	id INTEGER NOT NULL, 
	execution_id TEXT, 
	run_id TEXT, 
	service_id TEXT, 
	at TEXT NOT NULL, 
	level TEXT NOT NULL, 
	message TEXT NOT NULL, 
	stream TEXT NOT NULL, 
	CONSTRAINT pk_log_line PRIMARY KEY (id)
);
INSERT INTO "log_line" VALUES(1,'6b01648799c000001f7afb26','6b0164879140000024a1f148','6b0164872e8000002705fd02','2026-11-21T09:29:45.850Z','INFO','a line','stdout');
INSERT INTO "log_line" VALUES(2,'6b016489ecc00000ac543ea8','6b016489ec000000a2baf6e5','6b0164872e8000002705fd02','2026-11-21T09:29:45.954Z','INFO','a line','stdout');
INSERT INTO "log_line" VALUES(3,'6b016489f8800000374cdb93','6b016489f7c0000015e3f3f5','6b0164872e8000002705fd02','2026-11-21T09:29:46.020Z','INFO','a line','stdout');
INSERT INTO "log_line" VALUES(4,'6b01648a020000003bf31003','6b01648a0040000039899a16','6b0164872e8000002705fd02','2026-11-21T09:29:46.038Z','INFO','a line','stdout');
INSERT INTO "log_line" VALUES(5,'6b01648a0e000000aa727f6b','6b01648a0bc00000ebe94909','6b0164872e8000002705fd02','2026-11-21T09:29:46.070Z','INFO','a line','stdout');
CREATE TABLE ontology (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_ontology PRIMARY KEY (id)
);
CREATE TABLE package (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	project_id TEXT, 
	name TEXT, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_package PRIMARY KEY (id)
);
INSERT INTO "package" VALUES('6b0164872e000000bbcd6106','2026-11-21T09:29:43.144Z','2026-11-21T09:29:43.144Z','01a1fd70-aca4-7000-8002-9bb7d11d4622','node-a-67a51311','{"id":"6b0164872e000000bbcd6106","name":"node-a-67a51311","version":"1.0.0","projectId":"01a1fd70-aca4-7000-8002-9bb7d11d4622","creator":"ann@example.org","createdAt":"2026-11-21T09:29:43.144Z","updatedAt":"2026-11-21T09:29:43.144Z","type":"faas","global":false,"metadata":{},"modules":[{"name":"default_module","className":"ServiceRunner","entryPoint":"main.py","initInputs":[],"functions":[{"name":"run","description":"","input":[{"name":"x","type":"Json"}],"output":[{"name":"x","type":"Json"}]}]}],"slots":[],"serviceConfig":{},"codebase":null,"requirements":[]}','{"_code":{"name":"run","functionName":"run","className":"ServiceRunner","source":"def run(x):\n    print(''a line'')\n    return x + 1\n","pickle":null,"python":null,"initParams":{},"hash":"3d4675346757c2bec8c925698023ff372cb48f14d2bacb98d82fb49c888036fd"}}');
INSERT INTO "package" VALUES('6b01648732000000b4e915c5','2026-11-21T09:29:43.144Z','2026-11-21T09:29:43.144Z','01a1fd70-aca4-7000-8002-9bb7d11d4622','node-b-010d0dd7','{"id":"6b01648732000000b4e915c5","name":"node-b-010d0dd7","version":"1.0.0","projectId":"01a1fd70-aca4-7000-8002-9bb7d11d4622","creator":"ann@example.org","createdAt":"2026-11-21T09:29:43.144Z","updatedAt":"2026-11-21T09:29:43.144Z","type":"faas","global":false,"metadata":{},"modules":[{"name":"default_module","className":"ServiceRunner","entryPoint":"main.py","initInputs":[],"functions":[{"name":"run","description":"","input":[{"name":"x","type":"Json"}],"output":[{"name":"x","type":"Json"}]}]}],"slots":[],"serviceConfig":{},"codebase":null,"requirements":[]}','{"_code":{"name":"run","functionName":"run","className":"ServiceRunner","source":"import os, time\ndef run(x):\n    while os.environ.get(''HOLD_NODES'') and x > 100:\n        time.sleep(0.01)\n    return x * 2\n","pickle":null,"python":null,"initParams":{},"hash":"2e584a7eb72b31c9b71ac8bdfe7189523ec2f8f718071a4a639dc33ea67e8418"}}');
INSERT INTO "package" VALUES('6b0164877dc00000ab835f2d','2026-11-21T09:29:43.486Z','2026-11-21T09:29:43.486Z','01a1fd70-aca4-7000-8002-9bb7d11d4622','node-a-5f405649','{"id":"6b0164877dc00000ab835f2d","name":"node-a-5f405649","version":"1.0.0","projectId":"01a1fd70-aca4-7000-8002-9bb7d11d4622","creator":"ann@example.org","createdAt":"2026-11-21T09:29:43.486Z","updatedAt":"2026-11-21T09:29:43.486Z","type":"faas","global":false,"metadata":{},"modules":[{"name":"default_module","className":"ServiceRunner","entryPoint":"main.py","initInputs":[],"functions":[{"name":"run","description":"","input":[{"name":"x","type":"Json"}],"output":[{"name":"x","type":"Json"}]}]}],"slots":[],"serviceConfig":{},"codebase":null,"requirements":[]}','{"_code":{"name":"run","functionName":"run","className":"ServiceRunner","source":"def run(x):\n    raise ValueError(''no such luck'')\n","pickle":null,"python":null,"initParams":{},"hash":"431093998ae05a4327fb30ae923bf9bad54d0fcfb573d140568a579e498075f5"}}');
CREATE TABLE pipeline (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	project_id TEXT, 
	name TEXT, 
	status TEXT, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_pipeline PRIMARY KEY (id)
);
INSERT INTO "pipeline" VALUES('01a1fd70-afb5-7000-800a-5b4dde22b7d3','2026-11-21T09:29:43.093Z','2026-11-21T09:29:43.144Z','01a1fd70-aca4-7000-8002-9bb7d11d4622','chain','Installed','{"name":"chain","nodes":[{"id":"a","name":"node a","type":"code","inputs":[{"portId":"x","name":"x","type":"Json"}],"outputs":[{"portId":"x","name":"x","type":"Json"}],"namespace":{"functionName":"run","projectName":"project","serviceName":"node-a-67a51311","packageName":"node-a-67a51311","moduleName":"default_module"},"metadata":{"position":{"x":1.5,"y":2,"z":0}},"config":{"package":{"code":"def run(x):\n    print(''a line'')\n    return x + 1\n","name":"run","type":"code"}}},{"id":"b","name":"node b","type":"code","inputs":[{"portId":"x","name":"x","type":"Json"}],"outputs":[{"portId":"x","name":"x","type":"Json"}],"namespace":{"functionName":"run","projectName":"project","serviceName":"node-b-010d0dd7","packageName":"node-b-010d0dd7","moduleName":"default_module"},"metadata":{"position":{"x":1.5,"y":2,"z":0}},"config":{"package":{"code":"import os, time\ndef run(x):\n    while os.environ.get(''HOLD_NODES'') and x > 100:\n        time.sleep(0.01)\n    return x * 2\n","name":"run","type":"code"}}}],"connections":[{"src":{"nodeId":"a","portId":"x"},"tgt":{"nodeId":"b","portId":"x"}}],"startNodes":[{"nodeId":"a","type":"root","id":"592230f4-165a-439f-8d4d-dd648c2c4d6a"}],"variables":[],"id":"01a1fd70-afb5-7000-800a-5b4dde22b7d3","projectId":"01a1fd70-aca4-7000-8002-9bb7d11d4622","orgId":"local","compositionId":"6b0164871b0000006225a274","status":"Installed","creator":"ann@example.org","createdAt":"2026-11-21T09:29:43.093Z","updatedAt":"2026-11-21T09:29:43.144Z"}','{"_revisionId":"6b016487370000000bf1ea15"}');
INSERT INTO "pipeline" VALUES('01a1fd70-b11f-7000-800e-062cf23afff6','2026-11-21T09:29:43.455Z','2026-11-21T09:29:43.486Z','01a1fd70-aca4-7000-8002-9bb7d11d4622','bad','Installed','{"name":"bad","nodes":[{"id":"a","name":"node a","type":"code","inputs":[{"portId":"x","name":"x","type":"Json"}],"outputs":[{"portId":"x","name":"x","type":"Json"}],"namespace":{"functionName":"run","projectName":"project","serviceName":"node-a-5f405649","packageName":"node-a-5f405649","moduleName":"default_module"},"metadata":{"position":{"x":1.5,"y":2,"z":0}},"config":{"package":{"code":"def run(x):\n    raise ValueError(''no such luck'')\n","name":"run","type":"code"}}}],"connections":[],"startNodes":[{"nodeId":"a","type":"root","id":"5be4ca59-26ec-4d02-a54a-1bd4c7ae0807"}],"variables":[],"id":"01a1fd70-b11f-7000-800e-062cf23afff6","projectId":"01a1fd70-aca4-7000-8002-9bb7d11d4622","orgId":"local","compositionId":"6b016487724000001dafb387","status":"Installed","creator":"ann@example.org","createdAt":"2026-11-21T09:29:43.455Z","updatedAt":"2026-11-21T09:29:43.486Z"}','{"_revisionId":"6b01648782400000b2213f3d"}');
CREATE TABLE project (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	name TEXT, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_project PRIMARY KEY (id)
);
INSERT INTO "project" VALUES('01a1fd70-aca4-7000-8002-9bb7d11d4622','2026-11-21T09:29:42.308Z','2026-11-21T09:29:42.308Z','released','{"id":"01a1fd70-aca4-7000-8002-9bb7d11d4622","name":"released","creator":"ann@example.org","org":{"id":"local","name":"local"},"contributors":[],"createdAt":"2026-11-21T09:29:42.308Z","updatedAt":"2026-11-21T09:29:42.308Z","role":"owner","account":{"id":"local","name":"local"},"isBlocked":false,"archived":false,"featureConstraints":[],"systemProject":false}',NULL);
CREATE TABLE recipe (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_recipe PRIMARY KEY (id)
);
CREATE TABLE revision (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	pipeline_id TEXT, 
	number INTEGER, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_revision PRIMARY KEY (id)
);
INSERT INTO "revision" VALUES('6b016487370000000bf1ea15','2026-11-21T09:29:43.144Z','2026-11-21T09:29:43.144Z','01a1fd70-afb5-7000-800a-5b4dde22b7d3',1,'{"id":"6b016487370000000bf1ea15","pipelineId":"01a1fd70-afb5-7000-800a-5b4dde22b7d3","number":1,"name":"chain","projectId":"01a1fd70-aca4-7000-8002-9bb7d11d4622","createdAt":"2026-11-21T09:29:43.144Z","updatedAt":"2026-11-21T09:29:43.144Z","nodes":[{"id":"a","name":"node a","type":"code","inputs":[{"portId":"x","name":"x","type":"Json"}],"outputs":[{"portId":"x","name":"x","type":"Json"}],"namespace":{"functionName":"run","projectName":"project","serviceName":"node-a-67a51311","packageName":"node-a-67a51311","moduleName":"default_module"},"metadata":{"position":{"x":1.5,"y":2,"z":0}},"config":{"package":{"code":"def run(x):\n    print(''a line'')\n    return x + 1\n","name":"run","type":"code"}}},{"id":"b","name":"node b","type":"code","inputs":[{"portId":"x","name":"x","type":"Json"}],"outputs":[{"portId":"x","name":"x","type":"Json"}],"namespace":{"functionName":"run","projectName":"project","serviceName":"node-b-010d0dd7","packageName":"node-b-010d0dd7","moduleName":"default_module"},"metadata":{"position":{"x":1.5,"y":2,"z":0}},"config":{"package":{"code":"import os, time\ndef run(x):\n    while os.environ.get(''HOLD_NODES'') and x > 100:\n        time.sleep(0.01)\n    return x * 2\n","name":"run","type":"code"}}}],"connections":[{"src":{"nodeId":"a","portId":"x"},"tgt":{"nodeId":"b","portId":"x"}}],"startNodes":[{"nodeId":"a","type":"root","id":"592230f4-165a-439f-8d4d-dd648c2c4d6a"}],"variables":[]}',NULL);
INSERT INTO "revision" VALUES('6b01648782400000b2213f3d','2026-11-21T09:29:43.486Z','2026-11-21T09:29:43.486Z','01a1fd70-b11f-7000-800e-062cf23afff6',1,'{"id":"6b01648782400000b2213f3d","pipelineId":"01a1fd70-b11f-7000-800e-062cf23afff6","number":1,"name":"bad","projectId":"01a1fd70-aca4-7000-8002-9bb7d11d4622","createdAt":"2026-11-21T09:29:43.486Z","updatedAt":"2026-11-21T09:29:43.486Z","nodes":[{"id":"a","name":"node a","type":"code","inputs":[{"portId":"x","name":"x","type":"Json"}],"outputs":[{"portId":"x","name":"x","type":"Json"}],"namespace":{"functionName":"run","projectName":"project","serviceName":"node-a-5f405649","packageName":"node-a-5f405649","moduleName":"default_module"},"metadata":{"position":{"x":1.5,"y":2,"z":0}},"config":{"package":{"code":"def run(x):\n    raise ValueError(''no such luck'')\n","name":"run","type":"code"}}}],"connections":[],"startNodes":[{"nodeId":"a","type":"root","id":"5be4ca59-26ec-4d02-a54a-1bd4c7ae0807"}],"variables":[]}',NULL);
CREATE TABLE run (
	id TEXT NOT NULL, 
	pipeline_id TEXT NOT NULL, 
	project_id TEXT NOT NULL, 
	revision_id TEXT NOT NULL, 
	status TEXT NOT NULL, 
	creator TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	updated_at TEXT NOT NULL, 
	batch_id TEXT, 
	start_node TEXT, 
	test_mode BOOLEAN NOT NULL, 
	inputs TEXT NOT NULL, 
	error TEXT, 
	transition_errors TEXT, 
	started_at TEXT, 
	ended_at TEXT, 
	over BOOLEAN NOT NULL, 
	CONSTRAINT pk_run PRIMARY KEY (id)
);
INSERT INTO "run" VALUES('6b0164879140000024a1f148','01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b016487370000000bf1ea15','success','ann@example.org','2026-11-21T09:29:43.581Z','2026-11-21T09:29:45.891Z',NULL,NULL,0,'{"x":1}',NULL,NULL,'2026-11-21T09:29:43.614Z','2026-11-21T09:29:45.891Z',1);
INSERT INTO "run" VALUES('6b016489e2000000155d0167','01a1fd70-b11f-7000-800e-062cf23afff6','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b01648782400000b2213f3d','failed','ann@example.org','2026-11-21T09:29:45.904Z','2026-11-21T09:29:45.933Z',NULL,NULL,0,'{"x":1}','{"cause":"exception","type":"ValueError","message":"no such luck","traceback":"Traceback (most recent call last):\n  File \"<node code run 8a44068b>\", line 2, in run\n    raise ValueError(''no such luck'')\nValueError: no such luck\n","node":"node a","nodeId":"a","executionId":"6b016489e5000000aba0e253"}',NULL,'2026-11-21T09:29:45.916Z','2026-11-21T09:29:45.933Z',1);
INSERT INTO "run" VALUES('6b016489ec000000a2baf6e5','01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b016487370000000bf1ea15','in-progress','ann@example.org','2026-11-21T09:29:45.944Z','2026-11-21T09:29:45.947Z',NULL,NULL,0,'{"x":1000}',NULL,NULL,'2026-11-21T09:29:45.947Z',NULL,0);
INSERT INTO "run" VALUES('6b016489f7c0000015e3f3f5','01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b016487370000000bf1ea15','in-progress','ann@example.org','2026-11-21T09:29:45.991Z','2026-11-21T09:29:45.994Z',NULL,NULL,0,'{"x":500}',NULL,NULL,'2026-11-21T09:29:45.994Z',NULL,0);
INSERT INTO "run" VALUES('6b01648a0040000039899a16','01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b016487370000000bf1ea15','in-progress','ann@example.org','2026-11-21T09:29:46.001Z','2026-11-21T09:29:46.008Z',NULL,NULL,0,'{"x":501}',NULL,NULL,'2026-11-21T09:29:46.008Z',NULL,0);
INSERT INTO "run" VALUES('6b01648a0bc00000ebe94909','01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b016487370000000bf1ea15','in-progress','ann@example.org','2026-11-21T09:29:46.047Z','2026-11-21T09:29:46.056Z',NULL,NULL,0,'{"x":502}',NULL,NULL,'2026-11-21T09:29:46.056Z',NULL,0);
INSERT INTO "run" VALUES('6b01648a13800000cba29a30','01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b016487370000000bf1ea15','in-progress','ann@example.org','2026-11-21T09:29:46.078Z','2026-11-21T09:29:46.095Z',NULL,NULL,0,'{"x":503}',NULL,NULL,'2026-11-21T09:29:46.095Z',NULL,0);
INSERT INTO "run" VALUES('6b01648a1f8000003b2fb632','01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b016487370000000bf1ea15','in-progress','ann@example.org','2026-11-21T09:29:46.126Z','2026-11-21T09:29:46.127Z',NULL,NULL,0,'{"x":504}',NULL,NULL,'2026-11-21T09:29:46.127Z',NULL,0);
INSERT INTO "run" VALUES('6b01648a20c000001b6433a6','01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b016487370000000bf1ea15','in-progress','ann@example.org','2026-11-21T09:29:46.131Z','2026-11-21T09:29:46.135Z',NULL,NULL,0,'{"x":505}',NULL,NULL,'2026-11-21T09:29:46.135Z',NULL,0);
INSERT INTO "run" VALUES('6b01648a24400000f173eeb8','01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b016487370000000bf1ea15','in-progress','ann@example.org','2026-11-21T09:29:46.145Z','2026-11-21T09:29:46.160Z',NULL,NULL,0,'{"x":506}',NULL,NULL,'2026-11-21T09:29:46.160Z',NULL,0);
INSERT INTO "run" VALUES('6b01648a2a8000004ffa8e55','01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b016487370000000bf1ea15','in-progress','ann@example.org','2026-11-21T09:29:46.170Z','2026-11-21T09:29:46.200Z',NULL,NULL,0,'{"x":507}',NULL,NULL,'2026-11-21T09:29:46.200Z',NULL,0);
INSERT INTO "run" VALUES('6b01648a330000005b51b5d0','01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b016487370000000bf1ea15','in-progress','ann@example.org','2026-11-21T09:29:46.204Z','2026-11-21T09:29:46.208Z',NULL,NULL,0,'{"x":508}',NULL,NULL,'2026-11-21T09:29:46.208Z',NULL,0);
INSERT INTO "run" VALUES('6b01648a37400000876a7572','01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b016487370000000bf1ea15','in-progress','ann@example.org','2026-11-21T09:29:46.221Z','2026-11-21T09:29:46.222Z',NULL,NULL,0,'{"x":509}',NULL,NULL,'2026-11-21T09:29:46.222Z',NULL,0);
INSERT INTO "run" VALUES('6b01648a3b400000e1c9f82b','01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b016487370000000bf1ea15','in-progress','ann@example.org','2026-11-21T09:29:46.237Z','2026-11-21T09:29:46.238Z',NULL,NULL,0,'{"x":510}',NULL,NULL,'2026-11-21T09:29:46.238Z',NULL,0);
INSERT INTO "run" VALUES('6b01648a41c000002c472fbe','01a1fd70-afb5-7000-800a-5b4dde22b7d3','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b016487370000000bf1ea15','in-progress','ann@example.org','2026-11-21T09:29:46.263Z','2026-11-21T09:29:46.268Z',NULL,NULL,0,'{"x":511}',NULL,NULL,'2026-11-21T09:29:46.268Z',NULL,0);
CREATE TABLE service (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	project_id TEXT, 
	package_id TEXT, 
	name TEXT, 
	pipeline_id TEXT, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_service PRIMARY KEY (id), 
	CONSTRAINT uq_service_name UNIQUE (name)
);
INSERT INTO "service" VALUES('6b0164872e8000002705fd02','2026-11-21T09:29:43.144Z','2026-11-21T09:29:43.144Z','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b0164872e000000bbcd6106','node-a-67a51311','01a1fd70-afb5-7000-800a-5b4dde22b7d3','{"id":"6b0164872e8000002705fd02","name":"node-a-67a51311","version":"1.0.0","projectId":"01a1fd70-aca4-7000-8002-9bb7d11d4622","orgId":null,"packageId":"6b0164872e000000bbcd6106","packageRevision":"1.0.0","moduleName":"default_module","runtime":{"podType":"regular-s","numReplicas":1,"concurrency":10,"autoscaler":null},"initParams":{},"versions":{},"active":true,"creator":"ann@example.org","createdAt":"2026-11-21T09:29:43.144Z","updatedAt":"2026-11-21T09:29:43.144Z","driverId":null,"secrets":[],"integrations":[],"botUserName":null,"useUserJwt":false,"global":false,"runExecutionAsProcess":false,"executionTimeout":3600,"drainTime":600,"onReset":"failed","maxAttempts":1,"type":"regular","mode":{"type":"regular"},"metadata":{},"archive":null,"config":null,"settings":null,"app":null,"scope":"project","panels":[],"crashloop":null,"pipelineId":"01a1fd70-afb5-7000-800a-5b4dde22b7d3","nodeId":"a"}',NULL);
INSERT INTO "service" VALUES('6b016487320000013df612ea','2026-11-21T09:29:43.144Z','2026-11-21T09:29:43.144Z','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b01648732000000b4e915c5','node-b-010d0dd7','01a1fd70-afb5-7000-800a-5b4dde22b7d3','{"id":"6b016487320000013df612ea","name":"node-b-010d0dd7","version":"1.0.0","projectId":"01a1fd70-aca4-7000-8002-9bb7d11d4622","orgId":null,"packageId":"6b01648732000000b4e915c5","packageRevision":"1.0.0","moduleName":"default_module","runtime":{"podType":"regular-s","numReplicas":1,"concurrency":10,"autoscaler":null},"initParams":{},"versions":{},"active":true,"creator":"ann@example.org","createdAt":"2026-11-21T09:29:43.144Z","updatedAt":"2026-11-21T09:29:43.144Z","driverId":null,"secrets":[],"integrations":[],"botUserName":null,"useUserJwt":false,"global":false,"runExecutionAsProcess":false,"executionTimeout":3600,"drainTime":600,"onReset":"failed","maxAttempts":1,"type":"regular","mode":{"type":"regular"},"metadata":{},"archive":null,"config":null,"settings":null,"app":null,"scope":"project","panels":[],"crashloop":null,"pipelineId":"01a1fd70-afb5-7000-800a-5b4dde22b7d3","nodeId":"b"}',NULL);
INSERT INTO "service" VALUES('6b0164877e000000505768cb','2026-11-21T09:29:43.486Z','2026-11-21T09:29:43.486Z','01a1fd70-aca4-7000-8002-9bb7d11d4622','6b0164877dc00000ab835f2d','node-a-5f405649','01a1fd70-b11f-7000-800e-062cf23afff6','{"id":"6b0164877e000000505768cb","name":"node-a-5f405649","version":"1.0.0","projectId":"01a1fd70-aca4-7000-8002-9bb7d11d4622","orgId":null,"packageId":"6b0164877dc00000ab835f2d","packageRevision":"1.0.0","moduleName":"default_module","runtime":{"podType":"regular-s","numReplicas":1,"concurrency":10,"autoscaler":null},"initParams":{},"versions":{},"active":true,"creator":"ann@example.org","createdAt":"2026-11-21T09:29:43.486Z","updatedAt":"2026-11-21T09:29:43.486Z","driverId":null,"secrets":[],"integrations":[],"botUserName":null,"useUserJwt":false,"global":false,"runExecutionAsProcess":false,"executionTimeout":3600,"drainTime":600,"onReset":"failed","maxAttempts":1,"type":"regular","mode":{"type":"regular"},"metadata":{},"archive":null,"config":null,"settings":null,"app":null,"scope":"project","panels":[],"crashloop":null,"pipelineId":"01a1fd70-b11f-7000-800e-062cf23afff6","nodeId":"a"}',NULL);
CREATE TABLE setting (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_setting PRIMARY KEY (id)
);
CREATE TABLE "trigger" (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	project_id TEXT, 
	pipeline_id TEXT, 
	service_id TEXT, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_trigger PRIMARY KEY (id)
);
CREATE TABLE user (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_user PRIMARY KEY (id)
);
CREATE INDEX ix_project_name ON project (name);
CREATE INDEX ix_dataset_project_id_name ON dataset (project_id, name);
CREATE INDEX ix_item_dataset_id_id ON item (dataset_id, id);
CREATE INDEX ix_item_blob ON item (blob);
CREATE INDEX ix_annotation_dataset_id_id ON annotation (dataset_id, id);
CREATE INDEX ix_annotation_item_id ON annotation (item_id);
CREATE INDEX ix_pipeline_project_id_name ON pipeline (project_id, name);
CREATE INDEX ix_pipeline_name ON pipeline (name);
CREATE INDEX ix_revision_pipeline_id_number ON revision (pipeline_id, number);
CREATE INDEX ix_package_project_id_name ON package (project_id, name);
CREATE INDEX ix_package_name ON package (name);
CREATE INDEX ix_service_pipeline_id ON service (pipeline_id);
CREATE INDEX ix_command_status ON command (status);
CREATE INDEX ix_trigger_pipeline_id ON "trigger" (pipeline_id);
CREATE INDEX ix_trigger_service_id ON "trigger" (service_id);
CREATE INDEX ix_trigger_project_id ON "trigger" (project_id);
CREATE INDEX ix_run_pipeline_id_status ON run (pipeline_id, status);
CREATE INDEX ix_run_open ON run (id) WHERE over IS 0;
CREATE INDEX ix_run_batch_id_status ON run (batch_id, status) WHERE batch_id IS NOT NULL;
CREATE INDEX ix_run_pipeline_id_id ON run (pipeline_id, id);
CREATE INDEX ix_execution_node ON execution (pipeline_id, node_id, status) WHERE pipeline_id IS NOT NULL;
CREATE INDEX ix_execution_service_id_id ON execution (service_id, id) WHERE service_id IS NOT NULL;
CREATE INDEX ix_execution_run_id_id ON execution (run_id, id) WHERE run_id IS NOT NULL;
CREATE INDEX ix_execution_open ON execution (id) WHERE over IS 0;
CREATE INDEX ix_event_run_id_id ON event (run_id, id) WHERE run_id IS NOT NULL;
CREATE INDEX ix_log_line_execution_id_id ON log_line (execution_id, id) WHERE execution_id IS NOT NULL;
CREATE INDEX ix_log_line_run_id_id ON log_line (run_id, id) WHERE run_id IS NOT NULL;
CREATE INDEX ix_log_line_service_id_id ON log_line (service_id, id) WHERE service_id IS NOT NULL;
COMMIT;
