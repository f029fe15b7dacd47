names = ["Ada", "Grace", "Edsger"]
index = 0
while index <= len(names):
    print(names[index])
    index += 1
