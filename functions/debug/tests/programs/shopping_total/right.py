def price_with_tax(price, rate):
    return round(price * (1 + rate), 2)


def shopping_total(items, rate=0.2):
    total = 0
    for name, price, amount in items:
        total += price * amount
    return price_with_tax(total, rate)
