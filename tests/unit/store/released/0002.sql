BEGIN TRANSACTION;
CREATE TABLE action (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	run_id TEXT, 
	name TEXT, 
	"index" INTEGER, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_action PRIMARY KEY (id)
);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT pk_alembic_version PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
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
CREATE TABLE checkpoint (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	run_id TEXT, 
	action_name TEXT, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_checkpoint PRIMARY KEY (id)
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
INSERT INTO "dataset" VALUES('6b01b7a606400001fe34b2ce','2026-11-21T15:24:22.025Z','2026-11-21T15:24:22.025Z','01a1feb5-6089-7000-800f-81e58802b135','Binaries',1,'{"id":"6b01b7a606400001fe34b2ce","name":"Binaries","projects":["01a1feb5-6089-7000-800f-81e58802b135"],"metadata":{"system":{"recipes":[]}},"creator":"ann@example.org","createdAt":"2026-11-21T15:24:22.025Z","updatedAt":"2026-11-21T15:24:22.025Z","hidden":true,"readonly":false,"readableType":"","accessLevel":"private","driver":"local","indexDriver":"v1","isSyncing":false,"annotated":0}',NULL);
INSERT INTO "dataset" VALUES('6b01b7a60d000000765fd0fc','2026-11-21T15:24:22.052Z','2026-11-21T15:24:22.052Z','01a1feb5-6089-7000-800f-81e58802b135','photos',0,'{"id":"6b01b7a60d000000765fd0fc","name":"photos","projects":["01a1feb5-6089-7000-800f-81e58802b135"],"metadata":{"system":{"recipes":[]}},"creator":"ann@example.org","createdAt":"2026-11-21T15:24:22.052Z","updatedAt":"2026-11-21T15:24:22.052Z","hidden":false,"readonly":false,"readableType":"","accessLevel":"private","driver":"local","indexDriver":"v1","isSyncing":false,"annotated":0}',NULL);
CREATE TABLE deployment (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	name TEXT, 
	project_id TEXT, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_deployment PRIMARY KEY (id), 
	CONSTRAINT uq_deployment_name UNIQUE (name)
);
CREATE TABLE event (
	id INTEGER NOT NULL, 
	run_id TEXT, 
	execution_id TEXT, 
	kind TEXT NOT NULL, 
	at TEXT NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_event PRIMARY KEY (id)
);
INSERT INTO "event" VALUES(1,'6b01b7a6ae0000004f9bed95',NULL,'run.started','2026-11-21T15:24:22.699Z','{}');
INSERT INTO "event" VALUES(2,'6b01b7a6ae0000004f9bed95','6b01b7a6af000000f99df815','execution.started','2026-11-21T15:24:22.699Z','{"attempt":1,"fence":1}');
INSERT INTO "event" VALUES(3,'6b01b7a6ae0000004f9bed95','6b01b7a6af000000f99df815','execution.ended','2026-11-21T15:24:23.265Z','{"status":"success","fence":1}');
INSERT INTO "event" VALUES(4,'6b01b7a6ae0000004f9bed95','6b01b7a742400000c836fc8b','execution.started','2026-11-21T15:24:23.265Z','{"attempt":1,"fence":1}');
INSERT INTO "event" VALUES(5,'6b01b7a6ae0000004f9bed95','6b01b7a742400000c836fc8b','execution.ended','2026-11-21T15:24:23.282Z','{"status":"success","fence":1}');
INSERT INTO "event" VALUES(6,'6b01b7a6ae0000004f9bed95',NULL,'run.ended','2026-11-21T15:24:23.282Z','{"status":"success"}');
INSERT INTO "event" VALUES(7,'6b01b7a747800000ac22351e',NULL,'run.started','2026-11-21T15:24:23.292Z','{}');
INSERT INTO "event" VALUES(8,'6b01b7a747800000ac22351e','6b01b7a749400000319b31f5','execution.started','2026-11-21T15:24:23.292Z','{"attempt":1,"fence":1}');
INSERT INTO "event" VALUES(9,'6b01b7a747800000ac22351e','6b01b7a749400000319b31f5','execution.ended','2026-11-21T15:24:23.309Z','{"status":"failed","fence":1}');
INSERT INTO "event" VALUES(10,'6b01b7a747800000ac22351e',NULL,'run.ended','2026-11-21T15:24:23.309Z','{"status":"failed"}');
INSERT INTO "event" VALUES(11,'6b01b7a74f400000d31436cc',NULL,'run.started','2026-11-21T15:24:23.317Z','{}');
INSERT INTO "event" VALUES(12,'6b01b7a74f400000d31436cc','6b01b7a74f80000037a43250','execution.started','2026-11-21T15:24:23.317Z','{"attempt":1,"fence":1}');
INSERT INTO "event" VALUES(13,'6b01b7a74f400000d31436cc','6b01b7a74f80000037a43250','execution.ended','2026-11-21T15:24:23.325Z','{"status":"success","fence":1}');
INSERT INTO "event" VALUES(14,'6b01b7a74f400000d31436cc','6b01b7a75140000013c35c23','execution.started','2026-11-21T15:24:23.325Z','{"attempt":1,"fence":1}');
INSERT INTO "event" VALUES(15,'6b01b7a75640000068881cbe',NULL,'run.started','2026-11-21T15:24:23.348Z','{}');
INSERT INTO "event" VALUES(16,'6b01b7a75640000068881cbe','6b01b7a757400000c09e0554','execution.started','2026-11-21T15:24:23.348Z','{"attempt":1,"fence":1}');
INSERT INTO "event" VALUES(17,'6b01b7a759800000d4e96c5a',NULL,'run.started','2026-11-21T15:24:23.361Z','{}');
INSERT INTO "event" VALUES(18,'6b01b7a759800000d4e96c5a','6b01b7a75a40000022c9e52a','execution.started','2026-11-21T15:24:23.361Z','{"attempt":1,"fence":1}');
INSERT INTO "event" VALUES(19,'6b01b7a75640000068881cbe','6b01b7a757400000c09e0554','execution.ended','2026-11-21T15:24:23.367Z','{"status":"success","fence":1}');
INSERT INTO "event" VALUES(20,'6b01b7a75640000068881cbe','6b01b7a75bc00000cd1d8940','execution.started','2026-11-21T15:24:23.367Z','{"attempt":1,"fence":1}');
INSERT INTO "event" VALUES(21,'6b01b7a759800000d4e96c5a','6b01b7a75a40000022c9e52a','execution.ended','2026-11-21T15:24:23.380Z','{"status":"success","fence":1}');
INSERT INTO "event" VALUES(22,'6b01b7a759800000d4e96c5a','6b01b7a75f00000017b4f39a','execution.started','2026-11-21T15:24:23.380Z','{"attempt":1,"fence":1}');
INSERT INTO "event" VALUES(23,'6b01b7a75d000000f746983a',NULL,'run.started','2026-11-21T15:24:23.381Z','{}');
INSERT INTO "event" VALUES(24,'6b01b7a75d000000f746983a','6b01b7a75f400000518c6cf2','execution.started','2026-11-21T15:24:23.381Z','{"attempt":1,"fence":1}');
INSERT INTO "event" VALUES(25,'6b01b7a763800000a5d90b7d',NULL,'run.started','2026-11-21T15:24:23.400Z','{}');
INSERT INTO "event" VALUES(26,'6b01b7a763800000a5d90b7d','6b01b7a76400000059c3fdf2','execution.started','2026-11-21T15:24:23.400Z','{"attempt":1,"fence":1}');
INSERT INTO "event" VALUES(27,'6b01b7a7668000002bcfdcf4',NULL,'run.started','2026-11-21T15:24:23.415Z','{}');
INSERT INTO "event" VALUES(28,'6b01b7a7668000002bcfdcf4','6b01b7a767c00000b1ed7462','execution.started','2026-11-21T15:24:23.415Z','{"attempt":1,"fence":1}');
INSERT INTO "event" VALUES(29,'6b01b7a75d000000f746983a','6b01b7a75f400000518c6cf2','execution.ended','2026-11-21T15:24:23.419Z','{"status":"success","fence":1}');
INSERT INTO "event" VALUES(30,'6b01b7a75d000000f746983a','6b01b7a768c00000090e61d1','execution.started','2026-11-21T15:24:23.419Z','{"attempt":1,"fence":1}');
INSERT INTO "event" VALUES(31,'6b01b7a763800000a5d90b7d','6b01b7a76400000059c3fdf2','execution.ended','2026-11-21T15:24:23.419Z','{"status":"success","fence":1}');
INSERT INTO "event" VALUES(32,'6b01b7a763800000a5d90b7d','6b01b7a76900000075107ee0','execution.started','2026-11-21T15:24:23.419Z','{"attempt":1,"fence":1}');
INSERT INTO "event" VALUES(33,'6b01b7a7698000005566217b',NULL,'run.started','2026-11-21T15:24:23.425Z','{}');
INSERT INTO "event" VALUES(34,'6b01b7a7698000005566217b','6b01b7a76a40000037f5126d','execution.started','2026-11-21T15:24:23.425Z','{"attempt":1,"fence":1}');
INSERT INTO "event" VALUES(35,'6b01b7a7668000002bcfdcf4','6b01b7a767c00000b1ed7462','execution.ended','2026-11-21T15:24:23.431Z','{"status":"success","fence":1}');
INSERT INTO "event" VALUES(36,'6b01b7a7668000002bcfdcf4','6b01b7a76bc00000545eb827','execution.started','2026-11-21T15:24:23.431Z','{"attempt":1,"fence":1}');
INSERT INTO "event" VALUES(37,'6b01b7a76c40000011b1bacc',NULL,'run.started','2026-11-21T15:24:23.436Z','{}');
INSERT INTO "event" VALUES(38,'6b01b7a76c40000011b1bacc','6b01b7a76d000000b5072291','execution.started','2026-11-21T15:24:23.436Z','{"attempt":1,"fence":1}');
INSERT INTO "event" VALUES(39,'6b01b7a76e0000001ac86659',NULL,'run.started','2026-11-21T15:24:23.442Z','{}');
INSERT INTO "event" VALUES(40,'6b01b7a76f4000001ac283c3',NULL,'run.started','2026-11-21T15:24:23.446Z','{}');
INSERT INTO "event" VALUES(41,'6b01b7a770c00000e21974d1',NULL,'run.started','2026-11-21T15:24:23.451Z','{}');
INSERT INTO "event" VALUES(42,'6b01b7a772000000b6e3305e',NULL,'run.started','2026-11-21T15:24:23.456Z','{}');
INSERT INTO "event" VALUES(43,'6b01b7a774400000cbf3fa99',NULL,'run.started','2026-11-21T15:24:23.465Z','{}');
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
	available_at TEXT, 
	deadline_at TEXT, 
	priority INTEGER DEFAULT '0' NOT NULL, 
	over BOOLEAN NOT NULL, 
	CONSTRAINT pk_execution PRIMARY KEY (id)
);
INSERT INTO "execution" VALUES('6b01b7a6af000000f99df815','run','success','ann@example.org','2026-11-21T15:24:22.699Z','2026-11-21T15:24:23.265Z','6b01b7a6ae0000004f9bed95','a',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a6880000000de44f0b','node-a-6beb6247',1,1,1,NULL,NULL,'{"x":1}','{"x":2}',NULL,NULL,100.0,NULL,NULL,0,'2026-11-21T15:24:22.699Z','2026-11-21T15:24:23.265Z',3,'[{"timestamp":"2026-11-21T15:24:22.699Z","status":"in-progress"},{"timestamp":"2026-11-21T15:24:23.265Z","status":"success"}]',NULL,NULL,0,1);
INSERT INTO "execution" VALUES('6b01b7a742400000c836fc8b','run','success','ann@example.org','2026-11-21T15:24:23.265Z','2026-11-21T15:24:23.282Z','6b01b7a6ae0000004f9bed95','b',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e00000077648518','node-b-16cebf81',1,1,1,NULL,NULL,'{"x":2}','{"x":4}',NULL,NULL,100.0,NULL,NULL,0,'2026-11-21T15:24:23.265Z','2026-11-21T15:24:23.282Z',5,'[{"timestamp":"2026-11-21T15:24:23.265Z","status":"in-progress"},{"timestamp":"2026-11-21T15:24:23.282Z","status":"success"}]',NULL,NULL,0,1);
INSERT INTO "execution" VALUES('6b01b7a749400000319b31f5','run','failed','ann@example.org','2026-11-21T15:24:23.292Z','2026-11-21T15:24:23.309Z','6b01b7a747800000ac22351e','a',0,'01a1feb5-62fd-7000-8004-996ac3f92f75','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a6a90000010985b77e','node-a-4317a9f4',1,1,1,NULL,NULL,'{"x":1}',NULL,NULL,'{"cause":"exception","type":"ValueError","message":"no such luck","traceback":"Traceback (most recent call last):\n  File \"<node code run 8a44068b>\", line 2, in run\n    raise ValueError(''no such luck'')\nValueError: no such luck\n"}',NULL,NULL,NULL,0,'2026-11-21T15:24:23.292Z','2026-11-21T15:24:23.309Z',9,'[{"timestamp":"2026-11-21T15:24:23.292Z","status":"in-progress"},{"timestamp":"2026-11-21T15:24:23.309Z","status":"failed"}]',NULL,NULL,0,1);
INSERT INTO "execution" VALUES('6b01b7a74f80000037a43250','run','success','ann@example.org','2026-11-21T15:24:23.317Z','2026-11-21T15:24:23.325Z','6b01b7a74f400000d31436cc','a',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a6880000000de44f0b','node-a-6beb6247',1,1,1,NULL,NULL,'{"x":1000}','{"x":1001}',NULL,NULL,100.0,NULL,NULL,0,'2026-11-21T15:24:23.317Z','2026-11-21T15:24:23.325Z',13,'[{"timestamp":"2026-11-21T15:24:23.317Z","status":"in-progress"},{"timestamp":"2026-11-21T15:24:23.325Z","status":"success"}]',NULL,NULL,0,1);
INSERT INTO "execution" VALUES('6b01b7a75140000013c35c23','run','in-progress','ann@example.org','2026-11-21T15:24:23.325Z','2026-11-21T15:24:23.325Z','6b01b7a74f400000d31436cc','b',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e00000077648518','node-b-16cebf81',1,1,1,NULL,NULL,'{"x":1001}',NULL,NULL,NULL,NULL,NULL,NULL,0,'2026-11-21T15:24:23.325Z',NULL,NULL,'[{"timestamp":"2026-11-21T15:24:23.325Z","status":"in-progress"}]',NULL,NULL,0,0);
INSERT INTO "execution" VALUES('6b01b7a757400000c09e0554','run','success','ann@example.org','2026-11-21T15:24:23.348Z','2026-11-21T15:24:23.367Z','6b01b7a75640000068881cbe','a',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a6880000000de44f0b','node-a-6beb6247',1,1,1,NULL,NULL,'{"x":500}','{"x":501}',NULL,NULL,100.0,NULL,NULL,0,'2026-11-21T15:24:23.348Z','2026-11-21T15:24:23.367Z',19,'[{"timestamp":"2026-11-21T15:24:23.348Z","status":"in-progress"},{"timestamp":"2026-11-21T15:24:23.367Z","status":"success"}]',NULL,NULL,0,1);
INSERT INTO "execution" VALUES('6b01b7a75a40000022c9e52a','run','success','ann@example.org','2026-11-21T15:24:23.361Z','2026-11-21T15:24:23.380Z','6b01b7a759800000d4e96c5a','a',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a6880000000de44f0b','node-a-6beb6247',1,1,1,NULL,NULL,'{"x":501}','{"x":502}',NULL,NULL,100.0,NULL,NULL,0,'2026-11-21T15:24:23.361Z','2026-11-21T15:24:23.380Z',21,'[{"timestamp":"2026-11-21T15:24:23.361Z","status":"in-progress"},{"timestamp":"2026-11-21T15:24:23.380Z","status":"success"}]',NULL,NULL,0,1);
INSERT INTO "execution" VALUES('6b01b7a75bc00000cd1d8940','run','in-progress','ann@example.org','2026-11-21T15:24:23.367Z','2026-11-21T15:24:23.367Z','6b01b7a75640000068881cbe','b',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e00000077648518','node-b-16cebf81',1,1,1,NULL,NULL,'{"x":501}',NULL,NULL,NULL,NULL,NULL,NULL,0,'2026-11-21T15:24:23.367Z',NULL,NULL,'[{"timestamp":"2026-11-21T15:24:23.367Z","status":"in-progress"}]',NULL,NULL,0,0);
INSERT INTO "execution" VALUES('6b01b7a75f00000017b4f39a','run','in-progress','ann@example.org','2026-11-21T15:24:23.380Z','2026-11-21T15:24:23.380Z','6b01b7a759800000d4e96c5a','b',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e00000077648518','node-b-16cebf81',1,1,1,NULL,NULL,'{"x":502}',NULL,NULL,NULL,NULL,NULL,NULL,0,'2026-11-21T15:24:23.380Z',NULL,NULL,'[{"timestamp":"2026-11-21T15:24:23.380Z","status":"in-progress"}]',NULL,NULL,0,0);
INSERT INTO "execution" VALUES('6b01b7a75f400000518c6cf2','run','success','ann@example.org','2026-11-21T15:24:23.381Z','2026-11-21T15:24:23.419Z','6b01b7a75d000000f746983a','a',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a6880000000de44f0b','node-a-6beb6247',1,1,1,NULL,NULL,'{"x":502}','{"x":503}',NULL,NULL,100.0,NULL,NULL,0,'2026-11-21T15:24:23.381Z','2026-11-21T15:24:23.419Z',29,'[{"timestamp":"2026-11-21T15:24:23.381Z","status":"in-progress"},{"timestamp":"2026-11-21T15:24:23.419Z","status":"success"}]',NULL,NULL,0,1);
INSERT INTO "execution" VALUES('6b01b7a76400000059c3fdf2','run','success','ann@example.org','2026-11-21T15:24:23.400Z','2026-11-21T15:24:23.419Z','6b01b7a763800000a5d90b7d','a',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a6880000000de44f0b','node-a-6beb6247',1,1,1,NULL,NULL,'{"x":503}','{"x":504}',NULL,NULL,100.0,NULL,NULL,0,'2026-11-21T15:24:23.400Z','2026-11-21T15:24:23.419Z',31,'[{"timestamp":"2026-11-21T15:24:23.400Z","status":"in-progress"},{"timestamp":"2026-11-21T15:24:23.419Z","status":"success"}]',NULL,NULL,0,1);
INSERT INTO "execution" VALUES('6b01b7a767c00000b1ed7462','run','success','ann@example.org','2026-11-21T15:24:23.415Z','2026-11-21T15:24:23.431Z','6b01b7a7668000002bcfdcf4','a',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a6880000000de44f0b','node-a-6beb6247',1,1,1,NULL,NULL,'{"x":504}','{"x":505}',NULL,NULL,100.0,NULL,NULL,0,'2026-11-21T15:24:23.415Z','2026-11-21T15:24:23.431Z',35,'[{"timestamp":"2026-11-21T15:24:23.415Z","status":"in-progress"},{"timestamp":"2026-11-21T15:24:23.431Z","status":"success"}]',NULL,NULL,0,1);
INSERT INTO "execution" VALUES('6b01b7a768c00000090e61d1','run','in-progress','ann@example.org','2026-11-21T15:24:23.419Z','2026-11-21T15:24:23.419Z','6b01b7a75d000000f746983a','b',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e00000077648518','node-b-16cebf81',1,1,1,NULL,NULL,'{"x":503}',NULL,NULL,NULL,NULL,NULL,NULL,0,'2026-11-21T15:24:23.419Z',NULL,NULL,'[{"timestamp":"2026-11-21T15:24:23.419Z","status":"in-progress"}]',NULL,NULL,0,0);
INSERT INTO "execution" VALUES('6b01b7a76900000075107ee0','run','in-progress','ann@example.org','2026-11-21T15:24:23.419Z','2026-11-21T15:24:23.419Z','6b01b7a763800000a5d90b7d','b',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e00000077648518','node-b-16cebf81',1,1,1,NULL,NULL,'{"x":504}',NULL,NULL,NULL,NULL,NULL,NULL,0,'2026-11-21T15:24:23.419Z',NULL,NULL,'[{"timestamp":"2026-11-21T15:24:23.419Z","status":"in-progress"}]',NULL,NULL,0,0);
INSERT INTO "execution" VALUES('6b01b7a76a40000037f5126d','run','in-progress','ann@example.org','2026-11-21T15:24:23.425Z','2026-11-21T15:24:23.425Z','6b01b7a7698000005566217b','a',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a6880000000de44f0b','node-a-6beb6247',1,1,1,NULL,NULL,'{"x":505}',NULL,NULL,NULL,NULL,NULL,NULL,0,'2026-11-21T15:24:23.425Z',NULL,NULL,'[{"timestamp":"2026-11-21T15:24:23.425Z","status":"in-progress"}]',NULL,NULL,0,0);
INSERT INTO "execution" VALUES('6b01b7a76bc00000545eb827','run','in-progress','ann@example.org','2026-11-21T15:24:23.431Z','2026-11-21T15:24:23.431Z','6b01b7a7668000002bcfdcf4','b',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e00000077648518','node-b-16cebf81',1,1,1,NULL,NULL,'{"x":505}',NULL,NULL,NULL,NULL,NULL,NULL,0,'2026-11-21T15:24:23.431Z',NULL,NULL,'[{"timestamp":"2026-11-21T15:24:23.431Z","status":"in-progress"}]',NULL,NULL,0,0);
INSERT INTO "execution" VALUES('6b01b7a76d000000b5072291','run','in-progress','ann@example.org','2026-11-21T15:24:23.436Z','2026-11-21T15:24:23.436Z','6b01b7a76c40000011b1bacc','a',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a6880000000de44f0b','node-a-6beb6247',1,1,1,NULL,NULL,'{"x":506}',NULL,NULL,NULL,NULL,NULL,NULL,0,'2026-11-21T15:24:23.436Z',NULL,NULL,'[{"timestamp":"2026-11-21T15:24:23.436Z","status":"in-progress"}]',NULL,NULL,0,0);
INSERT INTO "execution" VALUES('6b01b7a76e800000ee1d5d63','run','created','ann@example.org','2026-11-21T15:24:23.442Z','2026-11-21T15:24:23.442Z','6b01b7a76e0000001ac86659','a',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a6880000000de44f0b','node-a-6beb6247',1,1,0,NULL,NULL,'{"x":507}',NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,'[]',NULL,NULL,0,0);
INSERT INTO "execution" VALUES('6b01b7a76f800000e49986aa','run','created','ann@example.org','2026-11-21T15:24:23.446Z','2026-11-21T15:24:23.446Z','6b01b7a76f4000001ac283c3','a',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a6880000000de44f0b','node-a-6beb6247',1,1,0,NULL,NULL,'{"x":508}',NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,'[]',NULL,NULL,0,0);
INSERT INTO "execution" VALUES('6b01b7a770c000014ab64fd8','run','created','ann@example.org','2026-11-21T15:24:23.451Z','2026-11-21T15:24:23.451Z','6b01b7a770c00000e21974d1','a',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a6880000000de44f0b','node-a-6beb6247',1,1,0,NULL,NULL,'{"x":509}',NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,'[]',NULL,NULL,0,0);
INSERT INTO "execution" VALUES('6b01b7a7724000006bd5200e','run','created','ann@example.org','2026-11-21T15:24:23.456Z','2026-11-21T15:24:23.456Z','6b01b7a772000000b6e3305e','a',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a6880000000de44f0b','node-a-6beb6247',1,1,0,NULL,NULL,'{"x":510}',NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,'[]',NULL,NULL,0,0);
INSERT INTO "execution" VALUES('6b01b7a77480000010f18311','run','created','ann@example.org','2026-11-21T15:24:23.465Z','2026-11-21T15:24:23.465Z','6b01b7a774400000cbf3fa99','a',0,'01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a6880000000de44f0b','node-a-6beb6247',1,1,0,NULL,NULL,'{"x":511}',NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,'[]',NULL,NULL,0,0);
CREATE TABLE file (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	purpose TEXT, 
	blob TEXT, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_file PRIMARY KEY (id)
);
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
INSERT INTO "item" VALUES('6b01b7a666c00000665c3467','2026-11-21T15:24:22.411Z','2026-11-21T15:24:22.411Z','6b01b7a60d000000765fd0fc','01a1feb5-6089-7000-800f-81e58802b135','/a.txt','/','a.txt','file','5ad711b64936b248bf48e8dcdfa463d9b9b6eb0439ce92fbe2a1b2db26634b95',0,'{"id":"6b01b7a666c00000665c3467","datasetId":"6b01b7a60d000000765fd0fc","projectId":"01a1feb5-6089-7000-800f-81e58802b135","filename":"/a.txt","name":"a.txt","dir":"/","type":"file","hidden":false,"metadata":{"system":{"size":27,"mimetype":"text/plain","originalname":"a.txt","encoding":"7bit","refs":[]}},"annotated":false,"annotationsCount":0,"spec":null,"creator":"local@dtlpipe.dev","createdAt":"2026-11-21T15:24:22.411Z","updatedAt":"2026-11-21T15:24:22.411Z","updatedBy":"local@dtlpipe.dev","description":null,"srcItem":null}','{"_blob":"5ad711b64936b248bf48e8dcdfa463d9b9b6eb0439ce92fbe2a1b2db26634b95"}');
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
INSERT INTO "log_line" VALUES(1,'6b01b7a6af000000f99df815','6b01b7a6ae0000004f9bed95','6b01b7a6880000000de44f0b','2026-11-21T15:24:23.246Z','INFO','a line','stdout');
INSERT INTO "log_line" VALUES(2,'6b01b7a74f80000037a43250','6b01b7a74f400000d31436cc','6b01b7a6880000000de44f0b','2026-11-21T15:24:23.322Z','INFO','a line','stdout');
INSERT INTO "log_line" VALUES(3,'6b01b7a757400000c09e0554','6b01b7a75640000068881cbe','6b01b7a6880000000de44f0b','2026-11-21T15:24:23.359Z','INFO','a line','stdout');
INSERT INTO "log_line" VALUES(4,'6b01b7a75a40000022c9e52a','6b01b7a759800000d4e96c5a','6b01b7a6880000000de44f0b','2026-11-21T15:24:23.369Z','INFO','a line','stdout');
INSERT INTO "log_line" VALUES(5,'6b01b7a75f400000518c6cf2','6b01b7a75d000000f746983a','6b01b7a6880000000de44f0b','2026-11-21T15:24:23.407Z','INFO','a line','stdout');
INSERT INTO "log_line" VALUES(6,'6b01b7a76400000059c3fdf2','6b01b7a763800000a5d90b7d','6b01b7a6880000000de44f0b','2026-11-21T15:24:23.410Z','INFO','a line','stdout');
INSERT INTO "log_line" VALUES(7,'6b01b7a767c00000b1ed7462','6b01b7a7668000002bcfdcf4','6b01b7a6880000000de44f0b','2026-11-21T15:24:23.423Z','INFO','a line','stdout');
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
INSERT INTO "package" VALUES('6b01b7a686c0000002e349a7','2026-11-21T15:24:22.537Z','2026-11-21T15:24:22.537Z','01a1feb5-6089-7000-800f-81e58802b135','node-a-6beb6247','{"id":"6b01b7a686c0000002e349a7","name":"node-a-6beb6247","version":"1.0.0","projectId":"01a1feb5-6089-7000-800f-81e58802b135","creator":"ann@example.org","createdAt":"2026-11-21T15:24:22.537Z","updatedAt":"2026-11-21T15:24:22.537Z","type":"faas","global":false,"metadata":{},"modules":[{"name":"default_module","className":"ServiceRunner","entryPoint":"main.py","initInputs":[],"functions":[{"name":"run","description":"","input":[{"name":"x","type":"Json"}],"output":[{"name":"x","type":"Json"}]}]}],"slots":[],"serviceConfig":{},"codebase":null,"requirements":[]}','{"_code":{"name":"run","functionName":"run","className":"ServiceRunner","source":"def run(x):\n    print(''a line'')\n    return x + 1\n","pickle":null,"python":null,"initParams":{},"hash":"3d4675346757c2bec8c925698023ff372cb48f14d2bacb98d82fb49c888036fd"}}');
INSERT INTO "package" VALUES('6b01b7a68bc000004203700e','2026-11-21T15:24:22.537Z','2026-11-21T15:24:22.537Z','01a1feb5-6089-7000-800f-81e58802b135','node-b-16cebf81','{"id":"6b01b7a68bc000004203700e","name":"node-b-16cebf81","version":"1.0.0","projectId":"01a1feb5-6089-7000-800f-81e58802b135","creator":"ann@example.org","createdAt":"2026-11-21T15:24:22.537Z","updatedAt":"2026-11-21T15:24:22.537Z","type":"faas","global":false,"metadata":{},"modules":[{"name":"default_module","className":"ServiceRunner","entryPoint":"main.py","initInputs":[],"functions":[{"name":"run","description":"","input":[{"name":"x","type":"Json"}],"output":[{"name":"x","type":"Json"}]}]}],"slots":[],"serviceConfig":{},"codebase":null,"requirements":[]}','{"_code":{"name":"run","functionName":"run","className":"ServiceRunner","source":"import os, time\ndef run(x):\n    while os.environ.get(''HOLD_NODES'') and x > 100:\n        time.sleep(0.01)\n    return x * 2\n","pickle":null,"python":null,"initParams":{},"hash":"2e584a7eb72b31c9b71ac8bdfe7189523ec2f8f718071a4a639dc33ea67e8418"}}');
INSERT INTO "package" VALUES('6b01b7a6a90000009cef1ef4','2026-11-21T15:24:22.669Z','2026-11-21T15:24:22.669Z','01a1feb5-6089-7000-800f-81e58802b135','node-a-4317a9f4','{"id":"6b01b7a6a90000009cef1ef4","name":"node-a-4317a9f4","version":"1.0.0","projectId":"01a1feb5-6089-7000-800f-81e58802b135","creator":"ann@example.org","createdAt":"2026-11-21T15:24:22.669Z","updatedAt":"2026-11-21T15:24:22.669Z","type":"faas","global":false,"metadata":{},"modules":[{"name":"default_module","className":"ServiceRunner","entryPoint":"main.py","initInputs":[],"functions":[{"name":"run","description":"","input":[{"name":"x","type":"Json"}],"output":[{"name":"x","type":"Json"}]}]}],"slots":[],"serviceConfig":{},"codebase":null,"requirements":[]}','{"_code":{"name":"run","functionName":"run","className":"ServiceRunner","source":"def run(x):\n    raise ValueError(''no such luck'')\n","pickle":null,"python":null,"initParams":{},"hash":"431093998ae05a4327fb30ae923bf9bad54d0fcfb573d140568a579e498075f5"}}');
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
INSERT INTO "pipeline" VALUES('01a1feb5-6268-7000-8007-d58363c082b3','2026-11-21T15:24:22.504Z','2026-11-21T15:24:22.537Z','01a1feb5-6089-7000-800f-81e58802b135','chain','Installed','{"name":"chain","nodes":[{"id":"a","name":"node a","type":"code","inputs":[{"portId":"x","name":"x","type":"Json"}],"outputs":[{"portId":"x","name":"x","type":"Json"}],"namespace":{"functionName":"run","projectName":"project","serviceName":"node-a-6beb6247","packageName":"node-a-6beb6247","moduleName":"default_module"},"metadata":{"position":{"x":1.5,"y":2,"z":0}},"config":{"package":{"code":"def run(x):\n    print(''a line'')\n    return x + 1\n","name":"run","type":"code"}}},{"id":"b","name":"node b","type":"code","inputs":[{"portId":"x","name":"x","type":"Json"}],"outputs":[{"portId":"x","name":"x","type":"Json"}],"namespace":{"functionName":"run","projectName":"project","serviceName":"node-b-16cebf81","packageName":"node-b-16cebf81","moduleName":"default_module"},"metadata":{"position":{"x":1.5,"y":2,"z":0}},"config":{"package":{"code":"import os, time\ndef run(x):\n    while os.environ.get(''HOLD_NODES'') and x > 100:\n        time.sleep(0.01)\n    return x * 2\n","name":"run","type":"code"}}}],"connections":[{"src":{"nodeId":"a","portId":"x"},"tgt":{"nodeId":"b","portId":"x"}}],"startNodes":[{"nodeId":"a","type":"root","id":"cc6651df-1c45-4d85-ba98-e6f17b7fb1e3"}],"variables":[],"id":"01a1feb5-6268-7000-8007-d58363c082b3","projectId":"01a1feb5-6089-7000-800f-81e58802b135","orgId":"local","compositionId":"6b01b7a681400000817c8e99","status":"Installed","creator":"ann@example.org","createdAt":"2026-11-21T15:24:22.504Z","updatedAt":"2026-11-21T15:24:22.537Z"}','{"_revisionId":"6b01b7a68e400000ba7476ef"}');
INSERT INTO "pipeline" VALUES('01a1feb5-62fd-7000-8004-996ac3f92f75','2026-11-21T15:24:22.653Z','2026-11-21T15:24:22.669Z','01a1feb5-6089-7000-800f-81e58802b135','bad','Installed','{"name":"bad","nodes":[{"id":"a","name":"node a","type":"code","inputs":[{"portId":"x","name":"x","type":"Json"}],"outputs":[{"portId":"x","name":"x","type":"Json"}],"namespace":{"functionName":"run","projectName":"project","serviceName":"node-a-4317a9f4","packageName":"node-a-4317a9f4","moduleName":"default_module"},"metadata":{"position":{"x":1.5,"y":2,"z":0}},"config":{"package":{"code":"def run(x):\n    raise ValueError(''no such luck'')\n","name":"run","type":"code"}}}],"connections":[],"startNodes":[{"nodeId":"a","type":"root","id":"6bb48aba-87a7-4e64-b0fa-e29a87aa76a2"}],"variables":[],"id":"01a1feb5-62fd-7000-8004-996ac3f92f75","projectId":"01a1feb5-6089-7000-800f-81e58802b135","orgId":"local","compositionId":"6b01b7a6a3c00000bcee42a5","status":"Installed","creator":"ann@example.org","createdAt":"2026-11-21T15:24:22.653Z","updatedAt":"2026-11-21T15:24:22.669Z"}','{"_revisionId":"6b01b7a6aac00000073a067b"}');
CREATE TABLE project (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	name TEXT, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_project PRIMARY KEY (id)
);
INSERT INTO "project" VALUES('01a1feb5-6089-7000-800f-81e58802b135','2026-11-21T15:24:22.025Z','2026-11-21T15:24:22.025Z','released','{"id":"01a1feb5-6089-7000-800f-81e58802b135","name":"released","creator":"ann@example.org","org":{"id":"local","name":"local"},"contributors":[],"createdAt":"2026-11-21T15:24:22.025Z","updatedAt":"2026-11-21T15:24:22.025Z","role":"owner","account":{"id":"local","name":"local"},"isBlocked":false,"archived":false,"featureConstraints":[],"systemProject":false}',NULL);
CREATE TABLE recipe (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_recipe PRIMARY KEY (id)
);
CREATE TABLE response (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	status TEXT, 
	run_id TEXT, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_response PRIMARY KEY (id)
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
INSERT INTO "revision" VALUES('6b01b7a68e400000ba7476ef','2026-11-21T15:24:22.537Z','2026-11-21T15:24:22.537Z','01a1feb5-6268-7000-8007-d58363c082b3',1,'{"id":"6b01b7a68e400000ba7476ef","pipelineId":"01a1feb5-6268-7000-8007-d58363c082b3","number":1,"name":"chain","projectId":"01a1feb5-6089-7000-800f-81e58802b135","createdAt":"2026-11-21T15:24:22.537Z","updatedAt":"2026-11-21T15:24:22.537Z","nodes":[{"id":"a","name":"node a","type":"code","inputs":[{"portId":"x","name":"x","type":"Json"}],"outputs":[{"portId":"x","name":"x","type":"Json"}],"namespace":{"functionName":"run","projectName":"project","serviceName":"node-a-6beb6247","packageName":"node-a-6beb6247","moduleName":"default_module"},"metadata":{"position":{"x":1.5,"y":2,"z":0}},"config":{"package":{"code":"def run(x):\n    print(''a line'')\n    return x + 1\n","name":"run","type":"code"}}},{"id":"b","name":"node b","type":"code","inputs":[{"portId":"x","name":"x","type":"Json"}],"outputs":[{"portId":"x","name":"x","type":"Json"}],"namespace":{"functionName":"run","projectName":"project","serviceName":"node-b-16cebf81","packageName":"node-b-16cebf81","moduleName":"default_module"},"metadata":{"position":{"x":1.5,"y":2,"z":0}},"config":{"package":{"code":"import os, time\ndef run(x):\n    while os.environ.get(''HOLD_NODES'') and x > 100:\n        time.sleep(0.01)\n    return x * 2\n","name":"run","type":"code"}}}],"connections":[{"src":{"nodeId":"a","portId":"x"},"tgt":{"nodeId":"b","portId":"x"}}],"startNodes":[{"nodeId":"a","type":"root","id":"cc6651df-1c45-4d85-ba98-e6f17b7fb1e3"}],"variables":[]}',NULL);
INSERT INTO "revision" VALUES('6b01b7a6aac00000073a067b','2026-11-21T15:24:22.669Z','2026-11-21T15:24:22.669Z','01a1feb5-62fd-7000-8004-996ac3f92f75',1,'{"id":"6b01b7a6aac00000073a067b","pipelineId":"01a1feb5-62fd-7000-8004-996ac3f92f75","number":1,"name":"bad","projectId":"01a1feb5-6089-7000-800f-81e58802b135","createdAt":"2026-11-21T15:24:22.669Z","updatedAt":"2026-11-21T15:24:22.669Z","nodes":[{"id":"a","name":"node a","type":"code","inputs":[{"portId":"x","name":"x","type":"Json"}],"outputs":[{"portId":"x","name":"x","type":"Json"}],"namespace":{"functionName":"run","projectName":"project","serviceName":"node-a-4317a9f4","packageName":"node-a-4317a9f4","moduleName":"default_module"},"metadata":{"position":{"x":1.5,"y":2,"z":0}},"config":{"package":{"code":"def run(x):\n    raise ValueError(''no such luck'')\n","name":"run","type":"code"}}}],"connections":[],"startNodes":[{"nodeId":"a","type":"root","id":"6bb48aba-87a7-4e64-b0fa-e29a87aa76a2"}],"variables":[]}',NULL);
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
	surface TEXT, 
	extra TEXT, 
	priority INTEGER DEFAULT '0' NOT NULL, 
	paused BOOLEAN DEFAULT 0 NOT NULL, 
	over BOOLEAN NOT NULL, 
	CONSTRAINT pk_run PRIMARY KEY (id)
);
INSERT INTO "run" VALUES('6b01b7a6ae0000004f9bed95','01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e400000ba7476ef','success','ann@example.org','2026-11-21T15:24:22.696Z','2026-11-21T15:24:23.282Z',NULL,NULL,0,'{"x":1}',NULL,NULL,'2026-11-21T15:24:22.699Z','2026-11-21T15:24:23.282Z',NULL,NULL,0,0,1);
INSERT INTO "run" VALUES('6b01b7a747800000ac22351e','01a1feb5-62fd-7000-8004-996ac3f92f75','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a6aac00000073a067b','failed','ann@example.org','2026-11-21T15:24:23.286Z','2026-11-21T15:24:23.309Z',NULL,NULL,0,'{"x":1}','{"cause":"exception","type":"ValueError","message":"no such luck","traceback":"Traceback (most recent call last):\n  File \"<node code run 8a44068b>\", line 2, in run\n    raise ValueError(''no such luck'')\nValueError: no such luck\n","node":"node a","nodeId":"a","executionId":"6b01b7a749400000319b31f5"}',NULL,'2026-11-21T15:24:23.292Z','2026-11-21T15:24:23.309Z',NULL,NULL,0,0,1);
INSERT INTO "run" VALUES('6b01b7a74f400000d31436cc','01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e400000ba7476ef','in-progress','ann@example.org','2026-11-21T15:24:23.317Z','2026-11-21T15:24:23.317Z',NULL,NULL,0,'{"x":1000}',NULL,NULL,'2026-11-21T15:24:23.317Z',NULL,NULL,NULL,0,0,0);
INSERT INTO "run" VALUES('6b01b7a75640000068881cbe','01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e400000ba7476ef','in-progress','ann@example.org','2026-11-21T15:24:23.345Z','2026-11-21T15:24:23.348Z',NULL,NULL,0,'{"x":500}',NULL,NULL,'2026-11-21T15:24:23.348Z',NULL,NULL,NULL,0,0,0);
INSERT INTO "run" VALUES('6b01b7a759800000d4e96c5a','01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e400000ba7476ef','in-progress','ann@example.org','2026-11-21T15:24:23.357Z','2026-11-21T15:24:23.361Z',NULL,NULL,0,'{"x":501}',NULL,NULL,'2026-11-21T15:24:23.361Z',NULL,NULL,NULL,0,0,0);
INSERT INTO "run" VALUES('6b01b7a75d000000f746983a','01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e400000ba7476ef','in-progress','ann@example.org','2026-11-21T15:24:23.372Z','2026-11-21T15:24:23.381Z',NULL,NULL,0,'{"x":502}',NULL,NULL,'2026-11-21T15:24:23.381Z',NULL,NULL,NULL,0,0,0);
INSERT INTO "run" VALUES('6b01b7a763800000a5d90b7d','01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e400000ba7476ef','in-progress','ann@example.org','2026-11-21T15:24:23.398Z','2026-11-21T15:24:23.400Z',NULL,NULL,0,'{"x":503}',NULL,NULL,'2026-11-21T15:24:23.400Z',NULL,NULL,NULL,0,0,0);
INSERT INTO "run" VALUES('6b01b7a7668000002bcfdcf4','01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e400000ba7476ef','in-progress','ann@example.org','2026-11-21T15:24:23.410Z','2026-11-21T15:24:23.415Z',NULL,NULL,0,'{"x":504}',NULL,NULL,'2026-11-21T15:24:23.415Z',NULL,NULL,NULL,0,0,0);
INSERT INTO "run" VALUES('6b01b7a7698000005566217b','01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e400000ba7476ef','in-progress','ann@example.org','2026-11-21T15:24:23.422Z','2026-11-21T15:24:23.425Z',NULL,NULL,0,'{"x":505}',NULL,NULL,'2026-11-21T15:24:23.425Z',NULL,NULL,NULL,0,0,0);
INSERT INTO "run" VALUES('6b01b7a76c40000011b1bacc','01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e400000ba7476ef','in-progress','ann@example.org','2026-11-21T15:24:23.433Z','2026-11-21T15:24:23.436Z',NULL,NULL,0,'{"x":506}',NULL,NULL,'2026-11-21T15:24:23.436Z',NULL,NULL,NULL,0,0,0);
INSERT INTO "run" VALUES('6b01b7a76e0000001ac86659','01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e400000ba7476ef','in-progress','ann@example.org','2026-11-21T15:24:23.440Z','2026-11-21T15:24:23.442Z',NULL,NULL,0,'{"x":507}',NULL,NULL,'2026-11-21T15:24:23.442Z',NULL,NULL,NULL,0,0,0);
INSERT INTO "run" VALUES('6b01b7a76f4000001ac283c3','01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e400000ba7476ef','in-progress','ann@example.org','2026-11-21T15:24:23.445Z','2026-11-21T15:24:23.446Z',NULL,NULL,0,'{"x":508}',NULL,NULL,'2026-11-21T15:24:23.446Z',NULL,NULL,NULL,0,0,0);
INSERT INTO "run" VALUES('6b01b7a770c00000e21974d1','01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e400000ba7476ef','in-progress','ann@example.org','2026-11-21T15:24:23.451Z','2026-11-21T15:24:23.451Z',NULL,NULL,0,'{"x":509}',NULL,NULL,'2026-11-21T15:24:23.451Z',NULL,NULL,NULL,0,0,0);
INSERT INTO "run" VALUES('6b01b7a772000000b6e3305e','01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e400000ba7476ef','in-progress','ann@example.org','2026-11-21T15:24:23.456Z','2026-11-21T15:24:23.456Z',NULL,NULL,0,'{"x":510}',NULL,NULL,'2026-11-21T15:24:23.456Z',NULL,NULL,NULL,0,0,0);
INSERT INTO "run" VALUES('6b01b7a774400000cbf3fa99','01a1feb5-6268-7000-8007-d58363c082b3','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68e400000ba7476ef','in-progress','ann@example.org','2026-11-21T15:24:23.465Z','2026-11-21T15:24:23.465Z',NULL,NULL,0,'{"x":511}',NULL,NULL,'2026-11-21T15:24:23.465Z',NULL,NULL,NULL,0,0,0);
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
INSERT INTO "service" VALUES('6b01b7a6880000000de44f0b','2026-11-21T15:24:22.537Z','2026-11-21T15:24:22.537Z','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a686c0000002e349a7','node-a-6beb6247','01a1feb5-6268-7000-8007-d58363c082b3','{"id":"6b01b7a6880000000de44f0b","name":"node-a-6beb6247","version":"1.0.0","projectId":"01a1feb5-6089-7000-800f-81e58802b135","orgId":null,"packageId":"6b01b7a686c0000002e349a7","packageRevision":"1.0.0","moduleName":"default_module","runtime":{"podType":"regular-s","numReplicas":1,"concurrency":10,"autoscaler":null},"initParams":{},"versions":{},"active":true,"creator":"ann@example.org","createdAt":"2026-11-21T15:24:22.537Z","updatedAt":"2026-11-21T15:24:22.537Z","driverId":null,"secrets":[],"integrations":[],"botUserName":null,"useUserJwt":false,"global":false,"runExecutionAsProcess":false,"executionTimeout":3600,"drainTime":600,"onReset":"rerun","maxAttempts":1,"type":"regular","mode":{"type":"regular"},"metadata":{},"archive":null,"config":null,"settings":null,"app":null,"scope":"project","panels":[],"crashloop":null,"pipelineId":"01a1feb5-6268-7000-8007-d58363c082b3","nodeId":"a"}',NULL);
INSERT INTO "service" VALUES('6b01b7a68e00000077648518','2026-11-21T15:24:22.537Z','2026-11-21T15:24:22.537Z','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a68bc000004203700e','node-b-16cebf81','01a1feb5-6268-7000-8007-d58363c082b3','{"id":"6b01b7a68e00000077648518","name":"node-b-16cebf81","version":"1.0.0","projectId":"01a1feb5-6089-7000-800f-81e58802b135","orgId":null,"packageId":"6b01b7a68bc000004203700e","packageRevision":"1.0.0","moduleName":"default_module","runtime":{"podType":"regular-s","numReplicas":1,"concurrency":10,"autoscaler":null},"initParams":{},"versions":{},"active":true,"creator":"ann@example.org","createdAt":"2026-11-21T15:24:22.537Z","updatedAt":"2026-11-21T15:24:22.537Z","driverId":null,"secrets":[],"integrations":[],"botUserName":null,"useUserJwt":false,"global":false,"runExecutionAsProcess":false,"executionTimeout":3600,"drainTime":600,"onReset":"rerun","maxAttempts":1,"type":"regular","mode":{"type":"regular"},"metadata":{},"archive":null,"config":null,"settings":null,"app":null,"scope":"project","panels":[],"crashloop":null,"pipelineId":"01a1feb5-6268-7000-8007-d58363c082b3","nodeId":"b"}',NULL);
INSERT INTO "service" VALUES('6b01b7a6a90000010985b77e','2026-11-21T15:24:22.669Z','2026-11-21T15:24:22.669Z','01a1feb5-6089-7000-800f-81e58802b135','6b01b7a6a90000009cef1ef4','node-a-4317a9f4','01a1feb5-62fd-7000-8004-996ac3f92f75','{"id":"6b01b7a6a90000010985b77e","name":"node-a-4317a9f4","version":"1.0.0","projectId":"01a1feb5-6089-7000-800f-81e58802b135","orgId":null,"packageId":"6b01b7a6a90000009cef1ef4","packageRevision":"1.0.0","moduleName":"default_module","runtime":{"podType":"regular-s","numReplicas":1,"concurrency":10,"autoscaler":null},"initParams":{},"versions":{},"active":true,"creator":"ann@example.org","createdAt":"2026-11-21T15:24:22.669Z","updatedAt":"2026-11-21T15:24:22.669Z","driverId":null,"secrets":[],"integrations":[],"botUserName":null,"useUserJwt":false,"global":false,"runExecutionAsProcess":false,"executionTimeout":3600,"drainTime":600,"onReset":"rerun","maxAttempts":1,"type":"regular","mode":{"type":"regular"},"metadata":{},"archive":null,"config":null,"settings":null,"app":null,"scope":"project","panels":[],"crashloop":null,"pipelineId":"01a1feb5-62fd-7000-8004-996ac3f92f75","nodeId":"a"}',NULL);
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
CREATE TABLE worker (
	id TEXT NOT NULL, 
	created_at TEXT, 
	updated_at TEXT, 
	name TEXT, 
	status TEXT, 
	body TEXT NOT NULL, 
	private TEXT, 
	CONSTRAINT pk_worker PRIMARY KEY (id)
);
CREATE INDEX ix_project_name ON project (name);
CREATE INDEX ix_dataset_project_id_name ON dataset (project_id, name);
CREATE INDEX ix_item_dataset_id_id ON item (dataset_id, id);
CREATE INDEX ix_item_blob ON item (blob);
CREATE INDEX ix_annotation_dataset_id_id ON annotation (dataset_id, id);
CREATE INDEX ix_annotation_item_id ON annotation (item_id);
CREATE INDEX ix_pipeline_name ON pipeline (name);
CREATE INDEX ix_pipeline_project_id_name ON pipeline (project_id, name);
CREATE INDEX ix_revision_pipeline_id_number ON revision (pipeline_id, number);
CREATE INDEX ix_package_name ON package (name);
CREATE INDEX ix_package_project_id_name ON package (project_id, name);
CREATE INDEX ix_service_pipeline_id ON service (pipeline_id);
CREATE INDEX ix_command_status ON command (status);
CREATE INDEX ix_trigger_pipeline_id ON "trigger" (pipeline_id);
CREATE INDEX ix_trigger_project_id ON "trigger" (project_id);
CREATE INDEX ix_trigger_service_id ON "trigger" (service_id);
CREATE INDEX ix_file_blob ON file (blob);
CREATE INDEX ix_action_run_id_index ON action (run_id, "index");
CREATE INDEX ix_checkpoint_run_id_id ON checkpoint (run_id, id);
CREATE INDEX ix_run_pipeline_id_id ON run (pipeline_id, id);
CREATE INDEX ix_run_pipeline_id_status ON run (pipeline_id, status);
CREATE INDEX ix_run_surface_id ON run (surface, id) WHERE surface IS NOT NULL;
CREATE INDEX ix_run_batch_id_status ON run (batch_id, status) WHERE batch_id IS NOT NULL;
CREATE INDEX ix_run_open ON run (id) WHERE over IS 0;
CREATE INDEX ix_execution_run_id_id ON execution (run_id, id) WHERE run_id IS NOT NULL;
CREATE INDEX ix_execution_service_id_id ON execution (service_id, id) WHERE service_id IS NOT NULL;
CREATE INDEX ix_execution_open ON execution (id) WHERE over IS 0;
CREATE INDEX ix_execution_node ON execution (pipeline_id, node_id, status) WHERE pipeline_id IS NOT NULL;
CREATE INDEX ix_event_run_id_id ON event (run_id, id) WHERE run_id IS NOT NULL;
CREATE INDEX ix_log_line_run_id_id ON log_line (run_id, id) WHERE run_id IS NOT NULL;
CREATE INDEX ix_log_line_service_id_id ON log_line (service_id, id) WHERE service_id IS NOT NULL;
CREATE INDEX ix_log_line_execution_id_id ON log_line (execution_id, id) WHERE execution_id IS NOT NULL;
COMMIT;
