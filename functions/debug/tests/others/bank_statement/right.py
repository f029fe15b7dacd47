class Account:
    def __init__(self, owner, balance=0):
        self.owner = owner
        self.balance = balance
        self.history = []

    def deposit(self, amount):
        self.balance += amount
        self.history.append(("in", amount))

    def withdraw(self, amount):
        if amount > self.balance:
            raise ValueError("not enough money")
        self.balance -= amount
        self.history.append(("out", amount))


def transfer(source, target, amount):
    source.withdraw(amount)
    target.deposit(amount)


def play(moves):
    a = Account("a", 100)
    b = Account("b")
    refused = 0
    for amount in moves:
        try:
            transfer(a, b, amount)
        except ValueError:
            refused += 1
    return a.balance, b.balance, refused, len(a.history)
