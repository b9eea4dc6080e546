// Transactions by kafkajs, a line a finding: node transact.js BOOTSTRAP TOPIC. What it does, ../transact.py says.
const { Kafka, logLevel } = require('kafkajs')

const [bootstrap, topic] = process.argv.slice(2)
const groupId = `${topic}-group`
const kafka = new Kafka({ brokers: bootstrap.split(','), logLevel: logLevel.NOTHING })

async function transactional() {
  const producer = kafka.producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  return producer
}

async function read(count) {
  const groupId = `${topic}-readers-of-${count}`
  const consumer = kafka.consumer({ groupId, readUncommitted: false, maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const values = []
  await new Promise((resolve) =>
    consumer.run({
      eachMessage: async ({ message }) => {
        if (values.push(message.value.toString()) === count) resolve()
      },
    }),
  )
  await consumer.disconnect()
  return values.join(' ')
}

async function main() {
  const first = await transactional()
  for (const [value, offset, commits] of [['a', '1', true], ['b', '2', false], ['c', '3', true]]) {
    const transaction = await first.transaction()
    await transaction.send({ topic, messages: [{ value }] })
    const topics = [{ topic: `${topic}-in`, partitions: [{ partition: 0, offset }] }]
    await transaction.sendOffsets({ consumerGroupId: groupId, topics })
    await (commits ? transaction.commit() : transaction.abort())
  }
  console.log('read', await read(2))
  const admin = kafka.admin()
  await admin.connect()
  const [committed] = await admin.fetchOffsets({ groupId, topics: [`${topic}-in`] })
  console.log('offset', committed.partitions[0].offset)
  await admin.disconnect()

  const zombie = await first.transaction()
  await zombie.send({ topic, messages: [{ value: 'zombie' }] })
  const second = await transactional()
  const transaction = await second.transaction()
  await transaction.send({ topic, messages: [{ value: 'd' }] })
  await transaction.commit()
  try {
    await zombie.commit()
    console.log('not fenced')
  } catch (error) {
    console.log('fenced', error.type ?? error)
  }
  console.log('then', await read(3))
  await first.disconnect()
  await second.disconnect()
  console.log('done')
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
