/// The tasks of TweetEval (github.com/cardiffnlp/tweeteval): texts and labels, one a line, in files of their own.
extension DatasetLayout {
  static let tweetEval: [DatasetLayout] =
    [
      tweetEval("emoji", emoji),
      tweetEval("emotion", ["anger", "joy", "optimism", "sadness"]),
      tweetEval("hate", ["non-hate", "hate"]),
      tweetEval("irony", ["non_irony", "irony"]),
      tweetEval("offensive", ["non-offensive", "offensive"]),
      tweetEval("sentiment", ["negative", "neutral", "positive"]),
    ]
    + ["abortion", "atheism", "climate", "feminist", "hillary"].map { topic in
      tweetEval("stance_\(topic)", in: "stance/\(topic)", ["none", "against", "favor"])
    }

  private static let emoji = [
    "❤", "😍", "😂", "💕", "🔥", "😊", "😎", "✨", "💙", "😘", "📷", "🇺🇸", "☀", "💜", "😉", "💯", "😁", "🎄", "📸", "😜",
  ]

  private static func tweetEval(_ task: String, in folder: String? = nil, _ labels: [String]) -> DatasetLayout {
    DatasetLayout(name: "tweeteval/\(task)", labels: labels, folder: folder ?? task, files: .tweetEval)
  }
}
