def grade_letter(points):
    if points >= 90:
        return "A"
    elif points >= 75:
        return "B"
    elif points >= 50:
        return "C"
    return "F"


def passed(all_points):
    return [points for points in all_points if grade_letter(points) != "F"]
