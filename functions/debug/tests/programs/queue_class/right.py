class Queue:
    def __init__(self, limit):
        self.items = []
        self.limit = limit

    def put(self, item):
        if len(self.items) >= self.limit:
            return False
        self.items.append(item)
        return True

    def take(self):
        if not self.items:
            return None
        return self.items.pop(0)

    def __len__(self):
        return len(self.items)


def use(limit, values):
    queue = Queue(limit)
    for value in values:
        queue.put(value)
    return queue.take(), len(queue)
