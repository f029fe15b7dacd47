def visit_all(graph, start):
    seen = set()
    waiting = [start]
    order = []
    while waiting:
        node = waiting.pop(0)
        if node in seen:
            continue
        seen.add(node)
        order.append(node)
        for neighbour in graph.get(node, []):
            if neighbour not in seen:
                waiting.append(neighbour)
    return order
