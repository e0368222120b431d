#!/usr/bin/env python3
"""What tests ask of a Kafka besides producing, by Debian's python3-confluent-kafka.

admin.py SERVERS create TOPIC PARTITIONS [name=value ...]     makes a topic; replicas=3: on so many nodes
admin.py SERVERS leader TOPIC                                 prints the nodes that lead its partitions
admin.py SERVERS delete TOPIC
admin.py SERVERS read TOPIC                                   prints each message as a line of JSON: partition, offset, timestamp, key, headers, value
"""
import json
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

servers, what, topic, *rest = sys.argv[1:]
admin = AdminClient({"bootstrap.servers": servers})
if what == "create":
    config = dict(pair.split("=", 1) for pair in rest[1:])
    new = NewTopic(topic, int(rest[0]), int(config.pop("replicas", 1)), config=config)
    admin.create_topics([new], request_timeout=30)[topic].result()
elif what == "delete":
    admin.delete_topics([topic], request_timeout=30)[topic].result()
elif what == "leader":
    print(*[p.leader for p in admin.list_topics(topic, timeout=30).topics[topic].partitions.values()])
elif what == "read":
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "reader", "enable.auto.commit": False, "isolation.level": "read_committed"})
    partitions = [TopicPartition(topic, p, OFFSET_BEGINNING) for p in consumer.list_topics(topic, timeout=30).topics[topic].partitions]
    ends = {p.partition: consumer.get_watermark_offsets(p, timeout=30)[1] for p in partitions}
    consumer.assign(partitions)
    while any(consumer.position([p])[0].offset < ends[p.partition] for p in partitions if ends[p.partition] > 0):
        message = consumer.poll(5)
        if message is None or message.error():
            continue
        print(json.dumps({"partition": message.partition(), "offset": message.offset(), "timestamp": message.timestamp()[1],
                          "key": message.key() and message.key().decode(), "headers": {k: v and v.decode() for k, v in message.headers() or []},
                          "value": None if message.value() is None else message.value().decode()}))
    consumer.close()
