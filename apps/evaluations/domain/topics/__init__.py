"""What conversations are about: topics found in the words of users, and their names."""

# With fewer conversations, or fewer in a topic, or fewer people behind a word or a topic, there is none.
FEWEST, FEWEST_OF_TOPIC, FEWEST_USERS = 200, 10, 5
# Days: topics are found in, and given to, conversations so young, as long as texts are kept by default.
LOOKED_AT_DAYS = 28
