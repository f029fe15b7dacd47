def restock(stock, deliveries, limit):
    result = dict(stock)
    for name, amount in deliveries:
        if name not in result:
            result[name] = 0
        result[name] = min(limit, result[name] + amount)
    return result


def missing(stock, least):
    names = [name for name, amount in stock.items() if amount < least]
    return sorted(names)
