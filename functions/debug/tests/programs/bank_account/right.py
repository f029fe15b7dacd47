class Account:
    def __init__(self, owner, balance=0):
        self.owner = owner
        self.balance = balance
        self.history = []

    def deposit(self, amount):
        if amount <= 0:
            raise ValueError("amount must be positive")
        self.balance += amount
        self.history.append(("deposit", amount))

    def withdraw(self, amount):
        if amount > self.balance:
            return False
        self.balance -= amount
        self.history.append(("withdraw", amount))
        return True


def balance_after(moves):
    account = Account("Kim", 10)
    for kind, amount in moves:
        if kind == "in":
            account.deposit(amount)
        else:
            account.withdraw(amount)
    return account.balance, len(account.history)
