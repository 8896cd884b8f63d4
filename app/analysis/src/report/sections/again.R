library(clubSandwich)
rows <- subset(read.csv("rows.csv", colClasses = c(fact = "character", left_out = "character")),
  left_out == "" & !is.na(score) & !is.na(effect))
for (own in split(rows, rows[c("method", "window", "objective", "score_name", "localizer")], drop = TRUE)) {
  print(own[1, c("method", "window", "objective", "score_name", "localizer")], row.names = FALSE)
  layer <- lm(score ~ factor(layer), own); both <- lm(score ~ factor(layer) * effect, own)
  print(c(layer = summary(layer)$r.squared, both = summary(both)$r.squared)); print(anova(layer, both))
  print(conf_int(lm(score ~ factor(layer) + effect, own), "CR2", cluster = own$fact, coefs = "effect"))
}
