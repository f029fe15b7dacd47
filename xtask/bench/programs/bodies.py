import math


class Body:
    def __init__(self, x, y, vx, vy, mass):
        self.x, self.y, self.vx, self.vy, self.mass = x, y, vx, vy, mass


bodies = [Body(math.cos(i), math.sin(i), -math.sin(i) / 9, math.cos(i) / 9, 1 + i / 10) for i in range(6)]
for _ in range(2_000):
    for one in bodies:
        for other in bodies:
            if one is not other:
                dx, dy = other.x - one.x, other.y - one.y
                pull = 0.001 * other.mass / (dx * dx + dy * dy + 0.01) ** 1.5
                one.vx += dx * pull
                one.vy += dy * pull
    for body in bodies:
        body.x += body.vx * 0.001
        body.y += body.vy * 0.001
print(f"{sum(body.x for body in bodies):.6f}")
