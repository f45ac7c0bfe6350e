"""Are the explanations right? Words are taken out of documents, and the scores watched."""
